using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <param name="Positions">Training positions mined.</param>
/// <param name="ValidationPositions">Users whose validation item was mined.</param>
/// <param name="Rows">Candidates written in all.</param>
public sealed record MineNegativesSummary(int Positions, int ValidationPositions, long Rows);

/// <summary>
/// Finds what the ranker learns to tell apart: for positions of the users' histories the item that came, hard
/// negatives that the retriever puts near the top, and random ones; never an item the user has had. Written as it
/// goes, users in a random order, so that each part of the file is a sample of all.
/// </summary>
/// <remarks>An item that is held out may be drawn as a negative of its own user's training positions: nothing of it may be known yet.</remarks>
public static class MineNegativesStep
{
    /// <exception cref="UserErrorException">No prepared data or no retriever.</exception>
    public static async Task<MineNegativesSummary> RunAsync(MineNegativesOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using UserTower tower = RetrieverFiles.Read(context.Workspace.RetrieverFolder);
        RetrieverItems.Require(context.Workspace.RetrieverFolder, tower.Model.Items, data.Catalog);
        set_num_threads(context.Threads);
        using var encoder = new UserEncoder(tower);
        var random = new Random(unchecked((int)context.Seed));
        int[] order = [.. Enumerable.Range(0, data.Split.UserCount)];
        random.Shuffle(order);
        var positions = new UserPositions(data.Split, tower, encoder, options, random);
        (int trained, int validated, long candidates) = (0, 0, 0);
        Directory.CreateDirectory(Path.GetDirectoryName(context.Workspace.NegativesFile)!);
        string temporary = context.Workspace.NegativesFile + ".tmp";
        string temporaryValidation = context.Workspace.ValidationNegativesFile + ".tmp";
        await using (NegativesWriter train = await NegativesWriter.CreateAsync(temporary, context.Cancellation))
        await using (NegativesWriter validation = await NegativesWriter.CreateAsync(temporaryValidation, context.Cancellation))
        {
            foreach ((int done, int user) in order.Index())
            {
                context.Cancellation.ThrowIfCancellationRequested();
                (List<MinedPosition> mined, MinedPosition? held) = positions.Mine(user);
                foreach (MinedPosition position in mined)
                {
                    await train.AddAsync(position, context.Cancellation);
                }

                if (held is not null)
                {
                    await validation.AddAsync(held, context.Cancellation);
                }

                trained += mined.Count;
                validated += held is null ? 0 : 1;
                context.Progress.Report(new StepProgress { Fraction = (done + 1.0) / order.Length, Detail = $"{trained:N0} positions" });
            }

            await train.FlushAsync(context.Cancellation);
            await validation.FlushAsync(context.Cancellation);
            candidates = train.Candidates + validation.Candidates;
        }

        File.Move(temporary, context.Workspace.NegativesFile, overwrite: true);
        File.Move(temporaryValidation, context.Workspace.ValidationNegativesFile, overwrite: true);
        return new MineNegativesSummary(trained, validated, candidates);
    }
}
