using System.CommandLine;

namespace NanoRecSys.Training.Commands;

/// <summary>
/// Removes users from published versions: from the histories and from the embeddings computed from them. A version is named by its
/// content, so scrubbing renames it, and references to the old name are updated.
/// </summary>
internal static class ScrubCommand
{
    private static readonly Option<string[]> Users = new("--users")
    {
        Description = "Ids of the users to remove, separated by spaces",
        HelpName = "ID",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "scrub", "Remove users from all published versions, including old ones; serving follows without a restart", [Users],
        (parse, context) => Task.Run(() => Scrub(context.Workspace.Store, parse.GetRequiredValue(Users))), Show, prepares: _ => true);

    internal static ScrubResult Scrub(ArtifactStore store, IReadOnlyList<string> users)
    {
        var scrubbed = new List<ScrubbedVersion>();
        var unknown = new HashSet<string>(users);
        foreach (string version in store.ListVersions())
        {
            string staging = store.CreateStaging();
            try
            {
                ArtifactVersion copy = store.Copy(version, staging);
                UserHistories histories = HistoriesFile.Read(staging);
                (string User, int Position)[] found = [.. users.Select(user => (User: user, Position: histories.PositionOf(EntityId.Of(user)))).Where(one => one.Position >= 0)];
                unknown.ExceptWith(found.Select(one => one.User));
                HashSet<int> gone = [.. found.Select(one => one.Position)];
                if (gone.Count == 0)
                {
                    continue;
                }

                int[] kept = [.. Enumerable.Range(0, histories.UserCount).Where(position => !gone.Contains(position))];
                UserHistories left = Take(histories, kept);
                HistoriesFile.Write(staging, left);
                if (copy.Manifest.UserEmbeddings is { } file)
                {
                    using HalfRows embeddings = HalfRows.Map(Path.Combine(store.FolderOf(version), file));
                    HalfRows.Write(copy.PathOf(file), kept.Select(embeddings.Row), kept.Length, embeddings.Columns);
                }

                DatasetInfo dataset = copy.Manifest.Dataset;
                Manifest draft = copy.Manifest with
                {
                    Dataset = dataset with { Users = dataset.Users - gone.Count, Interactions = dataset.Interactions - (histories.InteractionCount - left.InteractionCount) },
                };
                scrubbed.Add(new ScrubbedVersion(version, store.Replace(version, staging, draft).Manifest.ModelVersion, gone.Count));
            }
            finally
            {
                AtomicFolder.DeleteIfExists(staging);
            }
        }

        return new ScrubResult(scrubbed, [.. unknown.Order(StringComparer.Ordinal)]);
    }

    private static UserHistories Take(UserHistories all, int[] positions)
    {
        long end = 0;
        return new UserHistories(
            [.. positions.Select(position => all.Users[position])],
            [0, .. positions.Select(position => end += all.At(position).Length)],
            [.. positions.SelectMany(position => all.At(position).ToArray())],
            all.HasTimes ? [.. positions.SelectMany(position => all.TimesAt(position).ToArray())] : null,
            all.HasWeights ? [.. positions.SelectMany(position => all.WeightsAt(position).ToArray())] : null);
    }

    private static void Show(ScrubResult result, RunConsole console)
    {
        foreach (ScrubbedVersion version in result.Versions)
        {
            console.WriteLine($"Version {version.Version} is now {version.Became}, without {version.Users} users.");
        }

        console.WriteLineIf(
            result.Unknown.Count > 0,
            $"No version has these ids: {string.Join(", ", result.Unknown.Select(user => $"'{user}'"))}. Separate ids with spaces, not commas.");
        console.WriteLine(result.Versions.Count == 0
            ? "Nothing was removed."
            : "Prepared data still has them until 'prepare' runs again, with --events if they were deleted through the API. Update Models:Split if it has old names.");
    }
}

/// <param name="Unknown">Ids that no version contains.</param>
internal sealed record ScrubResult(IReadOnlyList<ScrubbedVersion> Versions, IReadOnlyList<string> Unknown);

/// <param name="Version">Its old name.</param>
/// <param name="Became">Its new name.</param>
/// <param name="Users">Number of users removed.</param>
internal sealed record ScrubbedVersion(string Version, string Became, int Users);
