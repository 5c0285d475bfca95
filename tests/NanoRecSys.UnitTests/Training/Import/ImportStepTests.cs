using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

/// <summary>Imports of <see cref="RandomWeights"/>: 9 items, D=16, F=20, 2 blocks.</summary>
public sealed class ImportStepTests : FolderTests
{
    private readonly StepContext _context;
    private readonly Dictionary<string, NamedTensor> _tower = new(RandomWeights.Tower(blocks: 2).Weights);

    public ImportStepTests() => _context = StepContexts.In(Folder.File("artifacts"), "ratings");

    [Fact]
    public async Task Sizes_are_read_from_the_weights_and_assumptions_are_noted()
    {
        ImportSummary summary = await ImportTowerAsync(new ImportOptions { Heads = 4, MaxLength = 12 });

        Assert.Equal(new ModelInfo("transformer", 16, 2, 4, 20, 12, 9, 500, 0, "imported", 0.05), summary.UserTower);
        Assert.Equal(summary.UserTower, ModelFolder.Retriever.ReadModel(_context.Workspace.RetrieverFolder));
        AssertSame(_tower, SafetensorsFile.Read(Path.Combine(_context.Workspace.RetrieverFolder, ModelFolder.WeightsName)));
        Assert.Contains("The rotary embedding is assumed to have base 500; set --rope-base if it does not.", summary.Notes);
    }

    [Fact]
    public async Task Rotary_frequencies_determine_heads_and_base()
    {
        AddRotary(ropeBase: 10000, headWidth: 8);
        ImportSummary summary = await ImportTowerAsync(new ImportOptions());
        Assert.Equal((2, 10000, 200), (summary.UserTower!.Heads, summary.UserTower.RopeBase, summary.UserTower.MaxLength));
    }

    [Theory]
    [InlineData(null, null, "Set --heads: the weights in ")]
    [InlineData(3, null, "its dimension 16 is not a multiple of twice that")]
    [InlineData(4, null, "'rope.inv_freq' has 4 (that is 2 heads)", true)]
    [InlineData(2, 10000.0, "--rope-base 10000 does not fit ", true)]
    public async Task Options_that_contradict_the_weights_are_refused(int? heads, double? ropeBase, string reason, bool hasRotary = false)
    {
        if (hasRotary)
        {
            AddRotary(ropeBase: 500, headWidth: 8);
        }

        await Assert.RefusedAsync(() => ImportTowerAsync(new ImportOptions { Heads = heads, RopeBase = ropeBase }), reason);
    }

    [Theory]
    [InlineData("gated", "rotary")]
    [InlineData("transformer", "relative")]
    public async Task An_export_of_another_architecture_is_refused_by_its_name(string kind, string positions)
    {
        string path = Folder.File("other.safetensors");
        SafetensorsFile.Write(path, _tower.Values, new Dictionary<string, string> { ["kind"] = kind, ["positions"] = positions });

        await Assert.RefusedAsync(() => ImportStep.RunAsync(new ImportOptions { UserTower = path, Heads = 4 }, _context), $"contains '{kind}' blocks with '{positions}' positions");
    }

    [Fact]
    public async Task Several_networks_are_exported_and_imported_identically()
    {
        Dictionary<string, NamedTensor> both = Members(_tower.Values, _tower.Values.Select(tensor => tensor with { Values = [.. tensor.Values.Select(value => -value)] }));

        ImportSummary first = await ImportAsync(both.Values, new ImportOptions { Heads = 2, MaxLength = 12 }, _context);
        string exported = (await StateDictionaryExport.RunAsync(_context)).Files[0];
        StepContext second = StepContexts.In(Folder.File("again"), "ratings");
        ImportSummary again = await ImportStep.RunAsync(new ImportOptions { UserTower = exported }, second);

        Assert.Equal(2, first.UserTower!.Members);
        Assert.Equal(first.UserTower, again.UserTower);
        AssertSame(both, SafetensorsFile.Read(Path.Combine(_context.Workspace.RetrieverFolder, ModelFolder.WeightsName)));
        AssertSame(both, SafetensorsFile.Read(Path.Combine(second.Workspace.RetrieverFolder, ModelFolder.WeightsName)));
    }

    [Fact]
    public async Task A_prefix_before_the_names_of_several_networks_is_removed()
    {
        IEnumerable<NamedTensor> wrapped = Members(_tower.Values, _tower.Values).Values.Select(tensor => tensor with { Name = $"module.{tensor.Name}" });

        ImportSummary summary = await ImportAsync(wrapped, new ImportOptions { Heads = 2 }, _context);

        Assert.Equal(2, summary.UserTower!.Members);
        Assert.Contains("The names in weights.safetensors were read without their prefix 'module.'.", summary.Notes);
    }

    [Fact]
    public async Task Networks_of_different_sizes_and_tensors_beside_them_are_refused()
    {
        var options = new ImportOptions { Heads = 2 };
        IEnumerable<NamedTensor> sizes = Members(_tower.Values, RandomWeights.Tower(blocks: 1).Weights.Values).Values;
        IEnumerable<NamedTensor> incomplete = Members(_tower.Values, _tower.Values.Skip(1)).Values;
        IEnumerable<NamedTensor> more = [.. Members(_tower.Values, _tower.Values).Values, new NamedTensor("norm.bias", [16], new float[16])];
        IEnumerable<NamedTensor> gap = Members(_tower.Values, _tower.Values, _tower.Values).Values.Where(tensor => !tensor.Name.StartsWith("members.1.", StringComparison.Ordinal));

        await Assert.RefusedAsync(() => ImportAsync(sizes, options, _context), "contains networks of different configurations.");
        await Assert.RefusedAsync(() => ImportAsync(incomplete, options, _context), "Network 1 in ", "weights.safetensors is not a user tower that can be imported: missing: 'embedding.weight'.");
        await Assert.RefusedAsync(() => ImportAsync(more, options, _context), "contains other tensors besides those of its networks.");
        await Assert.RefusedAsync(() => ImportAsync(gap, options, _context), "contains the networks 0, 2; their numbers must start at 0 and have no gap.");
        Assert.False(Directory.Exists(Folder.File("artifacts")));
    }

    [Fact]
    public async Task All_wrong_missing_and_unexpected_tensors_are_named_at_once()
    {
        _tower.Remove("norm.weight");
        _tower.Remove("blocks.1.attn.qkv_proj.bias");
        Set("blocks.0.mlp.w_gate_val.weight", 20, 16);
        Set("projection.bias", 16, 1);
        Set("blocks.0.attn.relative_bias", 3);
        _tower["blocks.0.norm1.weight"].Values[3] = float.NaN;

        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => ImportTowerAsync(new ImportOptions { Heads = 2 }));

        Assert.EndsWith(
            "is not a user tower that can be imported: missing: 'blocks.1.attn.qkv_proj.bias', 'norm.weight'; "
            + "of another shape: 'blocks.0.mlp.w_gate_val.weight' is [20, 16], expected [40, 16], 'projection.bias' is [16, 1], expected [16]; "
            + "not finite: 'blocks.0.norm1.weight'; unexpected: 'blocks.0.attn.relative_bias'.",
            e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_invalid_import_writes_nothing()
    {
        await Assert.RefusedAsync(() => ImportTowerAsync(new ImportOptions { Heads = 2, ItemMap = Map(1, 2) }), "names 2 items, the item table 'embedding.weight' has 9 rows");
        Assert.False(Directory.Exists(Folder.File("artifacts")));
    }

    [Fact]
    public async Task An_item_map_puts_the_prepared_data_into_the_weights_order()
    {
        // Item 11 is rated but not in the map; 101..107 are in the map but not rated.
        string ratings = Ratings("1,10,5,1\n1,11,5,2\n1,12,5,3\n2,12,4,1\n2,10,4,2\n");
        await File.WriteAllTextAsync(Folder.File("movies.csv"), "movieId,title,genres\n10,Ten (1990),Drama\n104,Unseen (2001),Comedy\n", TestContext.Current.CancellationToken);

        ImportSummary summary = await ImportTowerAsync(new ImportOptions { Heads = 2, Data = ratings, ItemMap = Map(101, 12, 103, 104, 105, 10, 106, 107, 102) });
        PreparedData data = await PreparedData.LoadAsync(_context.Workspace.DataFolder, _context.Cancellation);

        Assert.Equal([101, 12, 103, 104, 105, 10, 106, 107, 102], data.Catalog.Items.Select(item => item.Id));
        Assert.Equal([0, 2, 0, 0, 0, 2, 0, 0, 0], data.Catalog.Items.Select(item => item.Count));
        Assert.Equal("Unseen", data.Catalog.Items[3].Title);
        Assert.Equal([5, 1], data.Histories.At(0));
        Assert.Equal([1, 5], data.Histories.At(1));
        Assert.Equal(new ItemOrderSummary(WithoutInteractions: 7, UnknownItems: 1, UnknownInteractions: 1), summary.Data!.ItemOrder);
        Assert.Contains("1 items of the data are not in the item map; their 1 interactions were left out, also in evaluation.", summary.Notes);
    }

    [Fact]
    public async Task A_second_import_with_another_map_starts_from_the_ratings_again()
    {
        string ratings = Ratings("1,10,5,1\n1,11,5,2\n1,12,5,3\n");
        await ImportTowerAsync(new ImportOptions { Heads = 2, Data = ratings, ItemMap = Map(10, 1, 2, 3, 4, 5, 6, 7, 8) });
        ImportSummary second = await ImportTowerAsync(new ImportOptions { Heads = 2, Data = ratings, ItemMap = Map(8, 7, 6, 5, 4, 3, 12, 11, 10) });
        Assert.Equal(new ItemOrderSummary(6, 0, 0), second.Data!.ItemOrder);
    }

    [Fact]
    public async Task Without_a_map_the_data_must_have_as_many_items()
    {
        await PrepareStep.RunAsync(new PrepareOptions { Data = Ratings("1,10,5,1\n1,11,5,2\n1,12,5,3\n") }, _context);
        await Assert.RefusedAsync(() => ImportTowerAsync(new ImportOptions { Heads = 2 }), "The item table has 9 rows, the prepared data has 3 items. Set --item-map to a file with the item ids in the order of the rows.");
    }

    [Fact]
    public async Task Data_prepared_in_another_order_later_is_detected()
    {
        string rows = string.Concat(Enumerable.Range(10, 9).Select(id => $"1,{id},5,{id}\n"));
        await ImportTowerAsync(new ImportOptions { Heads = 2, MaxLength = 12, Data = Ratings(rows), ItemMap = Map(18, 17, 16, 15, 14, 13, 12, 11, 10) });
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.Path }, _context);

        await Assert.RefusedAsync(() => ExportStep.RunAsync(new ExportOptions(), _context), "or are in another order. Run 'import' with its --item-map again.");
    }

    [Fact]
    public async Task Exported_safetensors_are_imported_identically_without_options()
    {
        ImportSummary first = await ImportTowerAsync(new ImportOptions { Heads = 2, MaxLength = 12, RopeBase = 1000 });
        string exported = (await StateDictionaryExport.RunAsync(_context)).Files[0];

        StepContext second = StepContexts.In(Folder.File("again"), "ratings");
        ImportSummary again = await ImportStep.RunAsync(new ImportOptions { UserTower = exported }, second);

        Assert.Equal(first.UserTower, again.UserTower);
        AssertSame(_tower, SafetensorsFile.Read(Path.Combine(second.Workspace.RetrieverFolder, ModelFolder.WeightsName)));
        Assert.Equal([4], SafetensorsFile.Read(exported)["rope.inv_freq"].Shape);
    }

    [Fact]
    public async Task Files_of_the_previous_retriever_are_removed()
    {
        Directory.CreateDirectory(Path.Combine(_context.Workspace.RetrieverFolder, "checkpoint"));
        await ImportTowerAsync(new ImportOptions { Heads = 2 });
        Assert.False(Directory.Exists(Path.Combine(_context.Workspace.RetrieverFolder, "checkpoint")));
    }

    private void AddRotary(double ropeBase, int headWidth) =>
        _tower["rope.inv_freq"] = new NamedTensor("rope.inv_freq", [headWidth / 2], RotaryFrequencies.Of(ropeBase, headWidth));

    private void Set(string name, params long[] shape) => _tower[name] = new NamedTensor(name, shape, new float[shape.Aggregate(1L, (a, b) => a * b)]);

    private string Ratings(string rows)
    {
        File.WriteAllText(Folder.File("ratings.csv"), "userId,movieId,rating,timestamp\n" + rows);
        return Folder.Path;
    }

    private string Map(params EntityId[] ids)
    {
        ItemMapFile.Write(Folder.File("map.txt"), ids);
        return Folder.File("map.txt");
    }

    private static Dictionary<string, NamedTensor> Members(params IEnumerable<NamedTensor>[] members) => MemberWeights.Join(members).ToDictionary(tensor => tensor.Name);

    private Task<ImportSummary> ImportAsync(IEnumerable<NamedTensor> tensors, ImportOptions options, StepContext context)
    {
        string path = Folder.File("weights.safetensors");
        SafetensorsFile.Write(path, [.. tensors], new Dictionary<string, string>());
        return ImportStep.RunAsync(options with { UserTower = path }, context);
    }

    private Task<ImportSummary> ImportTowerAsync(ImportOptions options)
    {
        string path = Folder.File("tower.pth");
        PthWriter.Write(path, _tower.Values);
        return ImportStep.RunAsync(options with { UserTower = path }, _context);
    }

    private static void AssertSame(Dictionary<string, NamedTensor> expected, IReadOnlyDictionary<string, NamedTensor> actual)
    {
        Assert.Equal(expected.Keys.Where(name => name != "rope.inv_freq").Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        Assert.All(actual, entry =>
        {
            Assert.Equal(expected[entry.Key].Shape, entry.Value.Shape);
            Assert.Equal(expected[entry.Key].Values, entry.Value.Values);
        });
    }
}

public sealed class RotaryFrequenciesTests
{
    [Theory]
    [InlineData(500, 16)]
    [InlineData(10000, 64)]
    [InlineData(500, 4)]
    [InlineData(123.5, 32)]
    public void The_base_is_found_exactly(double ropeBase, int headWidth) =>
        Assert.Equal(ropeBase, RotaryFrequencies.BaseOf(RotaryFrequencies.Of(ropeBase, headWidth)));

    [Fact]
    public void Frequencies_of_base_16_and_width_4_are_1_and_a_quarter() => Assert.Equal([1, 0.25f], RotaryFrequencies.Of(16, 4));

    [Theory]
    [InlineData(500)]
    [InlineData(10000)]
    public void The_base_is_found_in_half_precision_too(double ropeBase)
    {
        float[] halves = [.. RotaryFrequencies.Of(ropeBase, 32).Select(frequency => (float)(Half)frequency)];
        Assert.Equal(ropeBase, RotaryFrequencies.BaseOf(halves));
    }

    [Fact]
    public void A_single_frequency_is_always_1_and_determines_no_base() => Assert.Null(RotaryFrequencies.BaseOf([1]));

    [Theory]
    [InlineData(1f, 0.5f, 0.1f)]
    [InlineData(1f, 2f, 4f)]
    [InlineData(1f, 0f, 0f)]
    [InlineData(1f, float.NaN, 0.1f)]
    [InlineData(0.9f, 0.3f, 0.1f)]
    public void Other_frequencies_are_refused(params float[] frequencies) =>
        Assert.Throws<InvalidDataException>(() => RotaryFrequencies.BaseOf(frequencies));
}
