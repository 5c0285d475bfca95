using NanoRecSys.Api.Serving;

namespace NanoRecSys.UnitTests.Api.Serving;

public sealed class ArtifactsOptionsTests
{
    [Fact]
    public void A_relative_path_is_relative_to_the_working_directory() =>
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "artifacts"), new ArtifactsOptions().FullPath());

    [Fact]
    public void An_absolute_path_is_taken_as_it_is() =>
        Assert.Equal(Path.GetTempPath(), new ArtifactsOptions { Path = Path.GetTempPath() }.FullPath());
}
