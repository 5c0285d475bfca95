using NanoRecSys.Api.Models;

namespace NanoRecSys.UnitTests.Api.Models;

public sealed class ArtifactsOptionsTests
{
    [Fact]
    public void A_relative_path_starts_at_the_solution_s_folder_where_the_service_runs_inside_it()
    {
        string folder = Environment.CurrentDirectory;
        bool inside = folder.StartsWith(RepositoryFolder.Root, StringComparison.Ordinal);

        Assert.Equal(Path.Combine(inside ? RepositoryFolder.Root : folder, "artifacts"), new ArtifactsOptions().FullPath());
    }

    [Fact]
    public void An_absolute_path_is_taken_as_it_is() =>
        Assert.Equal(Path.GetTempPath(), new ArtifactsOptions { Path = Path.GetTempPath() }.FullPath());
}
