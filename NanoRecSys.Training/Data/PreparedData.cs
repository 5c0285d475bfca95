using System.Text.Json;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> left for every later step.</summary>
/// <param name="Summary">Name, source and counts.</param>
/// <param name="Catalog">All items; their counts are those of the training part.</param>
/// <param name="Split">Leave-one-out over the whole histories.</param>
/// <param name="TrainCounts">[V] interactions of each item in the training part.</param>
public sealed record PreparedData(DatasetSummary Summary, Catalog Catalog, DataSplit Split, int[] TrainCounts)
{
    public const string HistoriesName = "histories.bin";
    public const string CatalogName = "catalog.parquet";
    public const string SummaryName = "dataset.json";

    /// <summary>Whole histories, the held-out items too.</summary>
    public UserHistories Histories => Split.Histories;

    /// <param name="folder"><see cref="Workspace.DataFolder"/>.</param>
    /// <param name="cancellation">Stops the reading of the catalog; the histories are only mapped.</param>
    /// <exception cref="UserErrorException">Nothing was prepared there, or the folder is damaged.</exception>
    public static async Task<PreparedData> LoadAsync(string folder, CancellationToken cancellation = default)
    {
        string summaryPath = Path.Combine(folder, SummaryName);
        if (!File.Exists(summaryPath))
        {
            throw new UserErrorException($"There is no prepared data in {folder}. Run 'prepare' first, with the same --data and --artifacts.");
        }

        try
        {
            DatasetSummary summary = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(summaryPath, cancellation), TrainingJson.Default.DatasetSummary)!;
            Catalog catalog = await CatalogFile.ReadAsync(Path.Combine(folder, CatalogName), cancellation);
            UserHistories histories = HistoriesFile.Map(Path.Combine(folder, HistoriesName));
            RequireAgreement(histories, summary, catalog);
            var split = DataSplit.Of(histories, summary.Cuts);
            return new PreparedData(summary, catalog, split, CountTrain(split, catalog.Count));
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidDataException or ArgumentException)
        {
            throw new UserErrorException($"The prepared data in {folder} cannot be read ({e.Message}). Run 'prepare' again.", e);
        }
    }

    /// <summary>[V] how often each item stands in the training parts.</summary>
    public static int[] CountTrain(DataSplit split, int items)
    {
        ArgumentNullException.ThrowIfNull(split);
        int[] counts = new int[items];
        for (int user = 0; user < split.UserCount; user++)
        {
            foreach (int item in split.Train(user))
            {
                counts[item]++;
            }
        }

        return counts;
    }

    // What the mapped file says is used without further checks, millions of times.
    private static void RequireAgreement(UserHistories histories, DatasetSummary summary, Catalog catalog)
    {
        if (histories.UserCount != summary.Users || histories.InteractionCount != summary.Interactions || catalog.Count != summary.Items)
        {
            throw new InvalidDataException(
                $"{SummaryName} counts {summary.Users} users, {summary.Interactions} interactions and {summary.Items} items; "
                + $"{HistoriesName} holds {histories.UserCount} and {histories.InteractionCount}, {CatalogName} {catalog.Count}");
        }

        if (!histories.HasTimes)
        {
            throw new InvalidDataException($"{HistoriesName} has no times");
        }

        uint items = (uint)catalog.Count;
        foreach (int item in histories.Items)
        {
            if ((uint)item >= items)
            {
                throw new InvalidDataException($"{HistoriesName} names item row {item}, the catalog has {items} rows");
            }
        }
    }
}
