using NanoRecSys.Api.Serving;

namespace NanoRecSys.UnitTests.Api.Serving;

public sealed class ArtifactsOptionsTests
{
    [Fact]
    public void A_relative_path_is_relative_to_the_working_directory() =>
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "artifacts"), new ArtifactsOptions().FullPath());
}
