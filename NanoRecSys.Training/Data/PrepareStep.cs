using System.Security.Cryptography;
using System.Text.Json;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Ratings and movies in; <c>histories.bin</c> and <c>catalog.parquet</c>, which the other steps read,
/// <c>interactions.parquet</c> for other programs, and <c>dataset.json</c> out.
/// </summary>
/// <remarks>
/// Every interaction is kept and is positive, also a second one of the same user with the same item: the
/// histories are what happened, and what the reference protocol ranks.
/// </remarks>
public static class PrepareStep
{
    /// <summary>Share of the step that a download is counted as.</summary>
    internal const double DownloadShare = 0.8;

    /// <exception cref="UserErrorException">The data cannot be found, downloaded or read.</exception>
    public static async Task<DatasetSummary> RunAsync(PrepareOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using MovieLensSource source = await DatasetSource.OpenAsync(options, context);
        double start = source.WasDownloaded ? DownloadShare : 0;
        void Report(double share, string? message = null) =>
            context.Progress.Report(new StepProgress { Fraction = start + (1 - start) * share, Message = message });
        InteractionTable read = source.Files.ReadRatings(share => Report(0.6 * share), context.Cancellation);
        InteractionTable kept = KCore.Filter(read, options.KCore);
        if (kept.Count == 0)
        {
            throw new UserErrorException($"No interaction is left after --k-core {options.KCore}. Give a smaller number.");
        }

        int[] movieIds = OrderOfAppearance(kept.Items);
        Report(0.7, $"{kept.Count:N0} interactions of {movieIds.Length:N0} items");
        (InteractionTable sorted, int tiedUsers) = UserOrder.Sort(ToRows(kept, movieIds));
        UserHistories histories = sorted.ToHistories();
        int[] counts = PreparedData.CountTrain(new LeaveOneOut(histories), movieIds.Length);
        var summary = new DatasetSummary(
            context.Workspace.Dataset, source.Files.RatingsPath, await HashAsync(source.Files.RatingsPath, context.Cancellation),
            histories.UserCount, movieIds.Length, kept.Count, read.Count - kept.Count, CountRepeats(histories), tiedUsers, options.KCore);
        Report(0.8);
        await WriteAsync(context, summary, BuildCatalog(movieIds, counts, source.Files.ReadMovies()), sorted, histories);
        Report(1);
        return summary;
    }

    /// <summary>[V] movie ids: an item's row is its place here.</summary>
    private static int[] OrderOfAppearance(ReadOnlySpan<int> items)
    {
        var seen = new HashSet<int>();
        var ids = new List<int>();
        foreach (int id in items)
        {
            if (seen.Add(id))
            {
                ids.Add(id);
            }
        }

        return [.. ids];
    }

    private static InteractionTable ToRows(InteractionTable interactions, int[] movieIds)
    {
        Dictionary<int, int> rows = movieIds.Select((id, row) => (id, row)).ToDictionary(item => item.id, item => item.row);
        var table = new InteractionTable(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            Interaction interaction = interactions[i];
            table.Add(interaction with { ItemId = rows[interaction.ItemId] });
        }

        return table;
    }

    private static long CountRepeats(UserHistories histories)
    {
        long repeats = 0;
        var seen = new HashSet<int>();
        for (int user = 0; user < histories.UserCount; user++)
        {
            seen.Clear();
            foreach (int item in histories.At(user))
            {
                repeats += seen.Add(item) ? 0 : 1;
            }
        }

        return repeats;
    }

    private static Catalog BuildCatalog(int[] movieIds, int[] counts, IReadOnlyList<MovieRow> movies)
    {
        var byId = new Dictionary<int, MovieRow>(movies.Count);
        foreach (MovieRow movie in movies)
        {
            byId.TryAdd(movie.Id, movie); // Of a movie listed twice the first row counts.
        }

        return new Catalog([.. movieIds.Select((id, row) =>
        {
            if (!byId.TryGetValue(id, out MovieRow? movie))
            {
                return new CatalogItem(row, id, $"{id}", null, [], counts[row]);
            }

            MovieTitle title = MovieTitle.Parse(movie.Title);
            return new CatalogItem(row, id, title.Title, title.Year, movie.Genres, counts[row]);
        })]);
    }

    // Into a folder beside the old one, which stays usable until all is written.
    private static async Task WriteAsync(StepContext context, DatasetSummary summary, Catalog catalog, InteractionTable interactions, UserHistories histories)
    {
        string folder = context.Workspace.DataFolder;
        string temporary = $"{folder}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(temporary);
        try
        {
            HistoriesFile.Write(Path.Combine(temporary, PreparedData.HistoriesName), histories);
            await InteractionsFile.WriteAsync(Path.Combine(temporary, PreparedData.InteractionsName), interactions, context.Cancellation);
            await CatalogFile.WriteAsync(Path.Combine(temporary, PreparedData.CatalogName), catalog, context.Cancellation);
            await File.WriteAllBytesAsync(
                Path.Combine(temporary, PreparedData.SummaryName),
                JsonSerializer.SerializeToUtf8Bytes(summary, TrainingJson.Default.DatasetSummary), context.Cancellation);
            FolderSwap.Replace(folder, temporary);
        }
        finally
        {
            FolderSwap.DeleteIfThere(temporary);
        }
    }

    private static async Task<string> HashAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }
}
