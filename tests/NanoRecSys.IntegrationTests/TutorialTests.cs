using System.Text.Json;
using NanoRecSys.IntegrationTests.Fixtures;
using NanoRecSys.Training.Pipeline;
using TrainingProgram = NanoRecSys.Training.Commands.CommandLine;

namespace NanoRecSys.IntegrationTests;

/// <summary>Follows the tutorial: its commands, in its order, on what its first one leaves behind.</summary>
public sealed class TutorialTests(TrainedArtifacts trained)
{
    private const string Training = "dotnet run -c Release --project NanoRecSys.Training -- ";
    private const string Curl = "curl -s ";
    private const string Post = "curl -s -X POST ";
    private const string Api = "localhost:5081";

    // Starts the stack and trains the first model: the end-to-end tests.
    private const string First = "dotnet run --project NanoRecSys.AppHost";

    [Fact]
    public async Task Its_commands_lead_from_the_first_model_to_a_changed_one_and_back()
    {
        string[] commands = Document.Read("docs/tutorial.md").Commands();
        Assert.Equal(First, commands[0]);
        using var folder = new TemporaryFolder();
        StepContext copy = await trained.CopyAsync(folder.Path);
        string first = copy.Workspace.Store.ReadCurrent()!;
        await using ApiServer api = await ApiServer.StartAsync(copy.Workspace.Store);
        foreach (string command in commands.Skip(1))
        {
            await FollowAsync(command, copy, api);
        }

        // The last command went back to the version from before.
        await api.ServeAsync(first);
        Assert.Equal(2, copy.Workspace.Store.ListVersions().Count);
    }

    private static async Task FollowAsync(string command, StepContext copy, ApiServer api)
    {
        if (command.StartsWith(Training, StringComparison.Ordinal))
        {
            using var output = new StringWriter();
            using var error = new StringWriter();
            string[] args = [.. command[Training.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries), "--artifacts", copy.Workspace.Store.Root];
            int exit = await TrainingProgram.RunAsync(args, output, error, TestContext.Current.CancellationToken);
            Assert.True(exit == 0, $"{command}\n{error}");
            await api.ServeAsync(copy.Workspace.Store.ReadCurrent()!);
        }
        else if (command.StartsWith(Post, StringComparison.Ordinal))
        {
            await api.PostAsync(command[Post.Length..].Replace(Api, "", StringComparison.Ordinal), "");
        }
        else
        {
            Assert.StartsWith(Curl, command, StringComparison.Ordinal);
            Assert.NotEqual(JsonValueKind.Undefined, (await api.GetAsync(command[Curl.Length..].Replace(Api, "", StringComparison.Ordinal))).ValueKind);
        }
    }
}
