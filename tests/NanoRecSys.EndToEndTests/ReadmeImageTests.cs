using System.Net.Http.Json;

namespace NanoRecSys.EndToEndTests;

/// <summary>The documentation's pictures of pages.</summary>
public sealed class ReadmeImageTests(FirstStart start)
{
    private const int RequestsShown = 240;
    private const int RequestsToWarmUp = 24;
    private const int FirstUser = 30; // not the user in the picture: the cache would answer

    [Theory]
    [InlineData("recommend.jpg", "/?user=20", "recommendation-card", 860)]
    [InlineData("taste.jpg", "/taste?items=260,1196,2571", "recommendation-card", 860)]
    [InlineData("explore.jpg", "/explore", "map-drawn", 860)]
    [InlineData("movie.jpg", "/item/260", "map-drawn", 860)]
    [InlineData("telemetry.jpg", "/telemetry?minutes=1", "telemetry-request", 1180)]
    public async Task A_page_has_a_picture_that_is_small_enough_to_keep(string file, string path, string marker, int height)
    {
        BuiltStack.RequireBrowser();
        // The first requests of a process mostly measure JIT compilation, which the pictures should not show.
        // Discarded pictures need no warm-up.
        if (Picture.IsReplacing)
        {
            await SendRequestsAsync(path.StartsWith("/telemetry", StringComparison.Ordinal) ? RequestsShown : RequestsToWarmUp);
        }

        await using Visit visit = await start.OpenAsync(path, new Screen(1280, height, ColorScheme.Dark));
        await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
        await visit.Page.AddStyleTagAsync(new() { Content = "html { scrollbar-gutter: auto }" }); // No gutter for a scrollbar that pictures do not show.
        await Picture.TakeAsync(visit.Page, file);
    }

    // Twelve per second, so that the charts have data; every third repeats the previous request.
    private async Task SendRequestsAsync(int requests)
    {
        using HttpClient api = new() { BaseAddress = start.Api };
        using PeriodicTimer pace = new(TimeSpan.FromSeconds(1.0 / 12));
        for (int i = 0; i < requests && await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken); i++)
        {
            int user = FirstUser + (i % 3 == 2 ? i : i + 1);
            using HttpResponseMessage answer = await api.PostAsJsonAsync("/recommend", new { user_id = user, explain = true }, TestContext.Current.CancellationToken);
            answer.EnsureSuccessStatusCode();
        }
    }
}
