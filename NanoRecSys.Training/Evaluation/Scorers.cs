using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.Training.Evaluation;

/// <summary>The models that can be evaluated, by name.</summary>
public static class Scorers
{
    public static readonly IReadOnlyList<string> Names = ["popularity", "item-knn", "retriever", "ranker"];

    /// <summary>The baselines, and the models that are trained.</summary>
    public static IReadOnlyList<string> Available(Workspace workspace) => [.. Names.Where(name => IsTrained(name, workspace))];

    /// <summary>The caller disposes what it gets, where that is disposable.</summary>
    /// <exception cref="UserErrorException">No such model, it is not trained yet, or it was trained on other data.</exception>
    public static IScorer Open(string name, PreparedData data, StepContext context) => name switch
    {
        "popularity" => new Popularity(data.TrainCounts),
        "item-knn" => ItemKnn.Build(data.Split, data.Catalog.Count, new ItemKnnOptions(), context.Threads, context.Cancellation),
        "retriever" => OpenRetriever(data, context),
        "ranker" => OpenRanker(data, context),
        _ => throw new UserErrorException($"There is no model '{name}' to evaluate; there are {string.Join(", ", Names)}."),
    };

    /// <summary>L of the trained retriever, or null where there is none.</summary>
    public static int? MaxLength(Workspace workspace) => IsTrained("retriever", workspace) ? RetrieverFiles.ReadModel(workspace.RetrieverFolder).MaxLength : null;

    private static RetrieverScorer OpenRetriever(PreparedData data, StepContext context)
    {
        UserTower tower = RetrieverFiles.Read(context.Workspace.RetrieverFolder);
        torch.set_num_threads(context.Threads);
        RequireItems(tower.Model.Items, data);
        return new RetrieverScorer(tower.to(torch.device(context.Device)));
    }

    private static RankerScorer OpenRanker(PreparedData data, StepContext context)
    {
        RequireItems(RetrieverFiles.ReadModel(context.Workspace.RetrieverFolder).Items, data);
        RankerScorer scorer = RankerScorer.Open(data, context.Workspace);
        torch.set_num_threads(context.Threads);
        return scorer;
    }

    private static void RequireItems(int items, PreparedData data)
    {
        if (items != data.Catalog.Count)
        {
            throw new UserErrorException($"The retriever was trained on {items:N0} items, the prepared data has {data.Catalog.Count:N0}. Run 'train-retriever' again.");
        }
    }

    private static bool IsTrained(string name, Workspace workspace) => name switch
    {
        "retriever" => File.Exists(Path.Combine(workspace.RetrieverFolder, RetrieverFiles.ModelName)),
        "ranker" => File.Exists(Path.Combine(workspace.RankerFolder, RankerFiles.ModelName)),
        _ => true,
    };
}
