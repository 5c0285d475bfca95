using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests;

public sealed class FirstStartTests(FirstStart start)
{
    [Fact]
    public void The_page_shows_the_training_until_there_is_a_model()
    {
        BuiltStack.RequireBrowser();
        Assert.All((string[])["Loss", "Validation", "train-retriever"], text => Assert.Contains(text, start.TrainingText, StringComparison.Ordinal));
    }

    [Fact]
    public void Watching_a_training_become_recommendations_leaves_no_error_in_the_console()
    {
        BuiltStack.RequireBrowser();
        Assert.Empty(start.ErrorsDuringTraining);
    }

    [Fact]
    public void Nothing_is_requested_from_another_host()
    {
        BuiltStack.RequireBrowser();
        Assert.Empty(start.FirstVisit.ForeignRequests);
    }

    /// <summary>Other processors round differently; the tolerance is two standard errors over 671 users.</summary>
    [Theory]
    [InlineData("popularity", "popularity")]
    [InlineData("item-knn", "**item-kNN** by [nearness](docs/training.md#nearness), as served")]
    [InlineData("blend", "**item-kNN** by [nearness](docs/training.md#nearness), as served")]
    [InlineData("retriever", "retriever (transformer with item content, full softmax)")]
    [InlineData("ranker", "retriever and ranker")]
    public void The_first_model_has_the_metrics_that_the_README_states(string model, string row)
    {
        BuiltStack.RequireBrowser();
        string[] cells = File.ReadLines(Path.Combine(RepositoryFolder.Root, "README.md"))
            .Single(line => line.StartsWith($"| {row} |", StringComparison.Ordinal)).Split('|', StringSplitOptions.TrimEntries);
        string version = File.ReadAllText(Path.Combine(start.Artifacts, "current")).Trim();
        using JsonDocument results = JsonDocument.Parse(File.ReadAllText(Path.Combine(start.Artifacts, "versions", version, "metrics.json")));
        JsonElement metrics = results.RootElement.EnumerateArray()
            .Single(result => result.GetProperty("model").GetString() == model && result.GetProperty("split").GetString() == "test").GetProperty("metrics");

        foreach ((string metric, int column) in new[] { ("hr@10", 2), ("ndcg@10", 3), ("hr@100", 6) })
        {
            double stated = double.Parse(cells[column].Trim('*'));
            Assert.InRange(metrics.GetProperty(metric).GetDouble(), stated - 0.025, stated + 0.025);
        }
    }

    /// <summary>What a browser on this machine sends for a page of another origin: a POST without preflight.</summary>
    [Fact]
    public async Task A_web_page_cannot_send_commands_to_the_cache()
    {
        BuiltStack.RequireBrowser();
        int port = int.Parse(Regex.Match(start.Output, @"Cache ready on 127\.0\.0\.1:(\d+)").Groups[1].Value);
        using TcpClient client = new("127.0.0.1", port);
        await using NetworkStream stream = client.GetStream();
        await stream.WriteAsync("POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\n*1\r\n$8\r\nFLUSHALL\r\n"u8.ToArray());
        byte[] answer = new byte[256];
        int length = await stream.ReadAsync(answer);

        Assert.StartsWith("-NOAUTH", Encoding.ASCII.GetString(answer, 0, length), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cards_carry_titles_and_scores()
    {
        await using Visit visit = await start.OpenAsync("/");
        ILocator card = visit.Marked("recommendation-card").First;
        await Expect(card.Locator("[data-testid=title]")).Not.ToBeEmptyAsync();
        await Expect(card.Locator("[data-testid=score]")).Not.ToBeEmptyAsync();
        Assert.Empty(visit.Errors);
    }
}
