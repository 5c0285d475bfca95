namespace NanoRecSys.UnitTests.Core.Artifacts;

public sealed class VersionNameTests
{
    // printf 'aa  x\nbb  a\n' | sha256sum
    [Fact]
    public void It_is_the_beginning_of_the_hash_of_the_sorted_lines()
    {
        string name = VersionName.Of([new ArtifactFile("a", "bb", 1), new ArtifactFile("x", "aa", 2)]);
        Assert.Equal("ad7d62f53ef6", name);
        Assert.True(VersionName.IsWellFormed(name));
    }
}
