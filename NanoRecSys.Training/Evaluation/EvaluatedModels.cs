using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.Training.Evaluation;

/// <summary>The models of one evaluation, opened by name; what they share is opened once.</summary>
public sealed class EvaluatedModels : IDisposable
{
    /// <summary>Not one model but several: the ranker with a feature dealt to other items, with item ids and without.</summary>
    public const string FeatureSensitivity = "feature-sensitivity";

    /// <summary>Not a model but a protocol of its own: <see cref="Data.HeldOutItems"/>.</summary>
    public const string HeldOutItems = "held-out-items";

    public static readonly IReadOnlyList<string> Names = ["popularity", "item-knn", MatrixFactorization.ModelName, MlpUserTowerScorer.ModelName, "retriever", Int8RetrieverScorer.ModelName, .. Enum.GetValues<RankerUsage>().Select(RankerScorer.NameOf), FeatureSensitivity, HeldOutItems];

    private readonly PreparedData _data;
    private readonly StepContext _context;
    private readonly int _leftOut;
    private readonly List<IScorer> _scorers = [];
    private UserTower? _tower;
    private BatchEncoder? _encoder;

    /// <param name="names">Of <see cref="Names"/>.</param>
    /// <param name="data">What they are evaluated on.</param>
    /// <param name="context">Where they are.</param>
    /// <param name="leftOut">Of a history's items, the latest so many are not ranked: a second stage does not see them as candidates.</param>
    /// <exception cref="UserErrorException">No such model, it is not trained yet, or it was trained on other data.</exception>
    public EvaluatedModels(IReadOnlyList<string> names, PreparedData data, StepContext context, int leftOut = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(names);
        (_data, _context, _leftOut) = (data, context, leftOut);
        try
        {
            foreach (string name in names)
            {
                _scorers.AddRange(name == FeatureSensitivity ? OpenPermuted() : [Open(name)]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<IScorer> Scorers => _scorers;

    /// <summary>The baselines, and the models that are trained.</summary>
    public static IReadOnlyList<string> Available(StepContext context) => [.. Names.Where(name => name is not (FeatureSensitivity or HeldOutItems) && UsageOf(name) is null or RankerUsage.Served && IsTrained(name, context))];

    public void Dispose()
    {
        foreach (IScorer scorer in _scorers)
        {
            (scorer as IDisposable)?.Dispose();
        }

        _encoder?.Dispose();
        _tower?.Dispose();
    }

    private IScorer Open(string name) => name switch
    {
        "popularity" => new Popularity(_data.TrainCounts),
        "item-knn" => ItemKnn.Build(_data.Split, _data.Catalog.Count, new ItemKnnOptions(), _context.Threads, _context.Cancellation),
        MatrixFactorization.ModelName => BaselineFiles.ReadMatrixFactorization(FolderOf(name), _data.Catalog.Count, _context.Threads),
        MlpUserTowerScorer.ModelName => OpenMlpUserTower(),
        "retriever" => new RetrieverScorer(Encoder()),
        Int8RetrieverScorer.ModelName => new Int8RetrieverScorer(_context.Workspace),
        _ when UsageOf(name) is { } usage => new RankerScorer(Encoder(), ReadRanker(), _data, usage, leftOut: _leftOut),
        _ => throw new UserErrorException($"There is no model '{name}' to evaluate; there are {string.Join(", ", Names)}."),
    };

    private IEnumerable<IScorer> OpenPermuted() =>
        from usage in new[] { RankerUsage.Plain, RankerUsage.NewItems }
        from feature in Enum.GetValues<PermutedFeature>().Select(feature => (PermutedFeature?)feature).Prepend(null)
        select new RankerScorer(Encoder(), ReadRanker(), _data, usage, feature, _leftOut);

    private static RankerUsage? UsageOf(string name) =>
        Enum.GetValues<RankerUsage>().Select(usage => (RankerUsage?)usage).FirstOrDefault(usage => RankerScorer.NameOf(usage!.Value) == name);

    /// <summary>Ranks the items that were taken out of the data for those who took them.</summary>
    public static HeldOutItemsReport MeasureHeldOutItems(PreparedData data, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(context);
        Workspace workspace = context.Workspace;
        HeldOutItems heldOut = Data.HeldOutItems.Read(workspace.DataFolder);
        using UserTower tower = RetrieverFiles.Read(workspace.RetrieverFolder);
        RetrieverItems.Require(workspace.RetrieverFolder, tower.Model.Items, data.Catalog);
        torch.set_num_threads(context.Threads);
        using RankerNetwork? ranker = RankerExport.IsUsable(context) ? RankerFiles.Read(workspace.RankerFolder) : null;
        return HeldOutItemsRanking.Measure(tower, ranker, data, heldOut, context);
    }

    private MlpUserTowerScorer OpenMlpUserTower()
    {
        LibTorch.Load();
        torch.set_num_threads(_context.Threads);
        return BaselineFiles.ReadMlpUserTower(FolderOf(MlpUserTowerScorer.ModelName), _data.Catalog.Count);
    }

    private string FolderOf(string baseline) => BaselineFiles.FolderOf(_context.Workspace, baseline);

    private RankerNetwork ReadRanker()
    {
        return RankerExport.MismatchOf(_context.Workspace) is { } mismatch
            ? throw new UserErrorException(mismatch)
            : RankerFiles.Read(_context.Workspace.RankerFolder);
    }

    private BatchEncoder Encoder()
    {
        if (_encoder is null)
        {
            _tower = RetrieverFiles.Read(_context.Workspace.RetrieverFolder);
            RetrieverItems.Require(_context.Workspace.RetrieverFolder, _tower.Model.Items, _data.Catalog);
            torch.set_num_threads(_context.Threads);
            _encoder = new BatchEncoder(_tower.to(torch.device(_context.Device)));
        }

        return _encoder;
    }

    private static bool IsTrained(string name, StepContext context) => name switch
    {
        "retriever" => File.Exists(Path.Combine(context.Workspace.RetrieverFolder, RetrieverFiles.ModelName)),
        Int8RetrieverScorer.ModelName => false, // as served: only when it is asked for
        _ when UsageOf(name) is not null => RankerExport.IsUsable(context),
        MatrixFactorization.ModelName or MlpUserTowerScorer.ModelName => BaselineFiles.Exist(context.Workspace, name),
        _ => true,
    };
}
