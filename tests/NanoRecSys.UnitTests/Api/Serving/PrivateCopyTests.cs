using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Api.Serving;

public sealed class PrivateCopyTests : FolderTests
{
    private readonly ArtifactStore _store;
    private readonly string _mark = $"a-{Guid.NewGuid():N}"; // distinguishes this test's copies from those of other processes

    public PrivateCopyTests() => _store = new ArtifactStore(Folder.File("artifacts"));

    [Fact]
    public void A_mapped_index_answers_after_its_copy_was_deleted_and_its_source_was_cut()
    {
        float[] rows = [1, 0, 0, 1, 0.6f, 0.8f];
        string index = Folder.File("items.index");
        FaissFile.Write(index, new FlatIndex(rows, 2));
        ArtifactVersion version = Publish(File.ReadAllBytes(index));
        string deleted;

        FlatIndex mapped;
        using (PrivateCopy copy = PrivateCopy.Of(_store, version.Manifest.ModelVersion))
        {
            deleted = copy.Files.Folder;
            mapped = (FlatIndex)FaissFile.Read(copy.Files.PathOf(ArtifactNames.Index), mapFrom: 0);
        }

        using FileStream cut = File.OpenWrite(version.PathOf(ArtifactNames.Index));
        cut.SetLength(0);
        var found = new Candidate[2];
        Assert.Equal(2, mapped.Search([0, 1], RowFilter.None, found));
        Assert.Equal([1, 2], found.Select(candidate => candidate.Row));
        mapped.Dispose();
        Assert.False(Directory.Exists(deleted));
    }

    [Fact]
    public void A_damaged_version_leaves_no_copy()
    {
        ArtifactVersion version = Publish("index"u8.ToArray());
        File.AppendAllText(version.PathOf(ArtifactNames.Histories), "more");
        ArtifactException e = Assert.Throws<ArtifactException>(() => PrivateCopy.Of(_store, version.Manifest.ModelVersion));

        Assert.Contains("histories.bin has 13 bytes, its manifest says 9", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetDirectories(Path.GetTempPath(), "nanorecsys-serving-*"), folder => File.Exists(Path.Combine(folder, _mark)));
    }

    [Fact]
    public void Copies_that_killed_processes_left_are_deleted_and_those_in_use_are_not()
    {
        string version = Publish("index"u8.ToArray()).Manifest.ModelVersion;
        string left = Directory.CreateTempSubdirectory("nanorecsys-serving-").FullName;
        File.WriteAllText(Path.Combine(left, ".serving.lock"), "");
        using PrivateCopy inUse = PrivateCopy.Of(_store, version);
        foreach (string folder in (string[])[left, inUse.Files.Folder])
        {
            Directory.SetLastWriteTimeUtc(folder, DateTime.UtcNow.AddHours(-1));
        }

        using PrivateCopy next = PrivateCopy.Of(_store, version);

        Assert.False(Directory.Exists(left));
        Assert.True(File.Exists(inUse.Files.PathOf(ArtifactNames.Index)));
    }

    private ArtifactVersion Publish(byte[] index)
    {
        string staging = TinyVersion.Stage(_store, (_mark, "")); // sorts before the histories, so it is copied first
        File.WriteAllBytes(Path.Combine(staging, ArtifactNames.Index), index);
        return _store.Publish(staging, TinyVersion.Draft);
    }
}
