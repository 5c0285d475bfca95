using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Evaluation;

/// <summary>The models that can be evaluated, by name.</summary>
public static class Scorers
{
    public static readonly IReadOnlyList<string> Names = ["popularity", "item-knn"];

    /// <summary>The baselines, and the models that are trained.</summary>
    public static IReadOnlyList<string> Available(Workspace workspace) => [.. Names.Where(name => IsTrained(name, workspace))];

    /// <exception cref="UserErrorException">No such model, or it is not trained yet.</exception>
    public static IScorer Open(string name, PreparedData data, StepContext context) => name switch
    {
        "popularity" => new Popularity(data.TrainCounts),
        "item-knn" => ItemKnn.Build(data.Split, data.Catalog.Count, new ItemKnnOptions(), context.Threads, context.Cancellation),
        _ => throw new UserErrorException($"There is no model '{name}' to evaluate; there are {string.Join(", ", Names)}."),
    };

    private static bool IsTrained(string name, Workspace _) => name is "popularity" or "item-knn";
}
