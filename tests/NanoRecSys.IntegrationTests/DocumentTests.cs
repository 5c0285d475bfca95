namespace NanoRecSys.IntegrationTests;

public sealed class DocumentTests
{
    public static TheoryData<string> Pages =>
    [
        "README.md",
        .. Directory.EnumerateFiles(Path.Combine(RepositoryFolder.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(RepositoryFolder.Root, file).Replace('\\', '/')),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_relative_link_has_a_target(string page)
    {
        Document document = Document.Read(page);

        Assert.All(document.RelativeLinks(), link => Assert.True(Path.Exists(Path.Combine(document.Folder, link)), link));
    }

    [Fact]
    public void The_index_links_every_page()
    {
        string[] links = Document.Read("docs/README.md").RelativeLinks();

        Assert.Empty(Pages.Select(page => page.Data).Where(page => page is not ("README.md" or "docs/README.md")).Select(page => page["docs/".Length..]).Except(links));
    }

    [Fact]
    public void The_architecture_links_every_folder_of_the_data_flow()
    {
        string[] links = Document.Read("docs/architecture.md").RelativeLinks();

        string[] folders =
        [
            "Training/Data", "Core/Data", "Training/Models", "Training/Retrieval", "Training/Ranking", "Training/Evaluation", "Training/Export",
            "Core/Artifacts", "Core/Retrieval", "Api/Pipeline", "Web/Components",
        ];
        Assert.Empty(folders.Select(folder => $"../NanoRecSys.{folder}").Except(links));
    }
}
