using NanoRecSys.Core.Features;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Import;

/// <summary>Imports of a ranker with 16-dimensional embeddings, hidden layers of 6 and 4, and 3 genres.</summary>
public sealed class ImportedRankerTests : FolderTests
{
    private readonly StepContext _context;
    private readonly Dictionary<string, NamedTensor> _ranker;

    public ImportedRankerTests()
    {
        LibTorch.Load();
        _context = StepContexts.In(Folder.File("artifacts"), "ratings");
        using var network = new RankerNetwork(new RankerModel(16, [6, 4], new ItemLayout(["a", "b", "c"], [NumberLayout.Year]), Dropout: 0, RetrieverWeight: 0));
        _ranker = NetworkWeights.Of(network).ToDictionary(tensor => tensor.Name);
        _ranker["mlp.1.num_batches_tracked"] = new NamedTensor("mlp.1.num_batches_tracked", [], [7]);
    }

    [Fact]
    public async Task Sizes_are_read_from_the_weights_and_the_logits_stay_unfused()
    {
        ImportSummary summary = await ImportAsync(new ImportOptions { Genres = Lines("Drama", "Comedy", "War") });

        using RankerNetwork network = ModelFolder.ReadRanker(_context.Workspace.RankerFolder, data: null);
        Assert.Equal([6, 4], network.Model.Hidden);
        Assert.Equal(["Drama", "Comedy", "War"], network.Model.Items.Categories);
        Assert.Equal((16, 0.0), (network.Model.Dimension, network.Model.RetrieverWeight));
        Assert.DoesNotContain(summary.Notes, note => note.Contains("genre", StringComparison.Ordinal));
        Assert.All(NetworkWeights.Of(network), tensor => Assert.Equal(_ranker[tensor.Name].Values, tensor.Values));
        Assert.True(RankerExport.IsOfThisRetriever(_context.Workspace, data: null));
    }

    [Fact]
    public async Task Without_genre_names_the_datas_genres_are_used_with_a_note()
    {
        File.WriteAllText(Folder.File("ratings.csv"), string.Concat(Enumerable.Range(1, 9).Select(id => $"1,{id},5,{id}\n")));
        File.WriteAllText(Folder.File("movies.csv"), "movieId,title,genres\n1,One,War|Drama\n");
        string map = Lines([.. Enumerable.Range(1, 9).Select(id => $"{id}")]);

        ImportSummary summary = await ImportAsync(new ImportOptions { Data = Folder.Path, ItemMap = map });

        Assert.Equal(["Drama", "War", "(row 2)"], summary.Ranker!.Items.Categories);
        Assert.Contains("The ranker's 3 genre rows are assumed to be the data's 2 genres in alphabetical order, the last 1 unused; set --genres if they are not.", summary.Notes);
    }

    [Fact]
    public async Task Exported_ranker_of_any_catalog_is_imported_with_its_attributes()
    {
        var items = new ItemLayout(["Soap", "brand=Sony", "a|b"], [NumberLayout.Year, new NumberLayout("price", [5, 20], [1, 5, 20, 90])]);
        var model = new RankerModel(16, [6, 4], items, Dropout: 0, RetrieverWeight: 0);
        using var network = new RankerNetwork(model);
        string path = Folder.File("ranker.safetensors");
        SafetensorsFile.Write(path, NetworkWeights.Of(network), WeightsMetadata.Of(model));

        ImportSummary summary = await ImportWithTowerAsync(path);

        using RankerNetwork imported = ModelFolder.ReadRanker(_context.Workspace.RankerFolder, data: null);
        Assert.Equal(items.Categories, imported.Model.Items.Categories);
        Assert.Equal(["year", "price"], imported.Model.Items.Numbers.Select(number => number.Name));
        Assert.Equal([5, 20], imported.Model.Items.Numbers[1].Edges);
        Assert.Equal([1, 5, 20, 90], imported.Model.Items.Numbers[1].Knots);
        Assert.DoesNotContain(summary.Notes, note => note.Contains("genre", StringComparison.Ordinal));
        Assert.Equal(NetworkWeights.ByName(network)["number_embeddings.0.weight"].Values, NetworkWeights.ByName(imported)["number_embeddings.0.weight"].Values);
    }

    [Fact]
    public async Task Ranker_whose_header_names_other_attributes_than_its_weights_is_refused()
    {
        using var network = new RankerNetwork(new RankerModel(16, [6, 4], new ItemLayout(["a"], []), Dropout: 0, RetrieverWeight: 0));
        string path = Folder.File("ranker.safetensors");
        SafetensorsFile.Write(
            path, NetworkWeights.Of(network), WeightsMetadata.Of(network.Model with { Items = new ItemLayout(["a"], [new NumberLayout("price", [5], [1, 5])]) }));

        await Assert.RefusedAsync(() => ImportWithTowerAsync(path), "missing: 'number_embeddings.0.weight'");
    }

    [Fact]
    public async Task A_refused_import_leaves_prepared_data_and_negatives_unchanged()
    {
        File.WriteAllText(Folder.File("ratings.csv"), string.Concat(Enumerable.Range(1, 9).Select(id => $"1,{id},5,{id}\n")));
        File.WriteAllText(Folder.File("movies.csv"), "movieId,title,genres\n1,One,War|Drama|Comedy|Crime\n");
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.Path }, _context);
        string summary = Path.Combine(_context.Workspace.DataFolder, PreparedData.SummaryName);
        string before = File.ReadAllText(summary);
        Directory.CreateDirectory(Path.GetDirectoryName(_context.Workspace.NegativesFile)!);
        File.WriteAllText(_context.Workspace.NegativesFile, "");
        string map = Lines([.. Enumerable.Range(1, 9).Reverse().Select(id => $"{id}")]);

        await Assert.RefusedAsync(() => ImportAsync(new ImportOptions { Data = Folder.Path, ItemMap = map }), "The ranker has rows for 3 genres, the data has 4.");
        Assert.Equal(before, File.ReadAllText(summary));
        Assert.True(File.Exists(_context.Workspace.NegativesFile));
        Assert.False(Directory.Exists(_context.Workspace.RetrieverFolder));
    }

    [Theory]
    [InlineData("Drama", "Comedy")]
    [InlineData("Drama", "Comedy", "Comedy")]
    public async Task The_number_of_genres_must_equal_the_rows(params string[] genres)
    {
        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => ImportAsync(new ImportOptions { Genres = Lines(genres) }));
        Assert.EndsWith("names 2 different genres, the ranker has rows for 3.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ranker_of_another_retriever_is_refused_with_every_tensor_that_does_not_fit()
    {
        _ranker["mlp.0.weight"] = new NamedTensor("mlp.0.weight", [6, 3 * 8 + 26], new float[6 * 50]);
        _ranker.Remove("mlp.5.running_var");
        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => ImportAsync(new ImportOptions()));
        Assert.EndsWith(
            "is not a ranker of embeddings of 16 dimensions that can be imported: missing: 'mlp.5.running_var'; of another shape: 'mlp.0.weight' is [6, 50], expected [6, 74].",
            e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Importing_only_a_user_tower_disables_the_previous_ranker_with_a_note()
    {
        await ImportAsync(new ImportOptions());
        ImportSummary summary = await ImportStep.RunAsync(new ImportOptions { UserTower = Write("other.pth", RandomWeights.Tower(blocks: 2).Weights.Values), Heads = 2 }, _context);
        Assert.Contains(
            "The existing ranker is no longer evaluated or exported. The ranker was trained for another retriever. "
            + "Run 'mine-negatives' and 'train-ranker' again, or 'import' with --ranker.", summary.Notes);
        Assert.False(RankerExport.IsOfThisRetriever(_context.Workspace, data: null));
    }

    [Fact]
    public async Task Importing_only_a_ranker_requires_a_retriever()
    {
        await Assert.RefusedAsync(() => ImportStep.RunAsync(new ImportOptions { Ranker = Write("ranker.pth", _ranker.Values) }, _context), "There is no retriever in ");
    }

    private Task<ImportSummary> ImportAsync(ImportOptions options) => ImportWithTowerAsync(Write("ranker.pth", _ranker.Values), options);

    private Task<ImportSummary> ImportWithTowerAsync(string ranker, ImportOptions? options = null) => ImportStep.RunAsync(
        (options ?? new ImportOptions()) with { UserTower = Write("tower.pth", RandomWeights.Tower(blocks: 1).Weights.Values), Ranker = ranker, Heads = 2 }, _context);

    private string Write(string name, IEnumerable<NamedTensor> tensors)
    {
        PthWriter.Write(Folder.File(name), tensors);
        return Folder.File(name);
    }

    private string Lines(params string[] lines)
    {
        File.WriteAllLines(Folder.File("lines.txt"), lines);
        return Folder.File("lines.txt");
    }
}
