using System.Text;
using NanoRecSys.Benchmarks.Load;

namespace NanoRecSys.UnitTests.Benchmarks.Load;

public sealed class RequestSourceTests
{
    private static readonly Uri Url = new("http://127.0.0.1:5081");

    [Fact]
    public void A_request_is_whole_and_plain_HTTP()
    {
        var source = new RequestSource(Url, [42], Scenario.Hot, seed: 1);

        Assert.Equal(
            "POST /recommend HTTP/1.1\r\nHost: 127.0.0.1:5081\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"user_id\":42,\"k\":10}",
            Encoding.ASCII.GetString(source.Next(new Random(1))));
    }

    [Fact]
    public void Cold_requests_go_through_all_cold_users_with_ten_before_any_other_number_and_never_repeat()
    {
        // Two of the six users can be hot; the other four are cold.
        var source = new RequestSource(Url, [1, 2, 3, 4, 5, 6], Scenario.Cold, seed: 3);
        var random = new Random(1);

        string[] bodies = [.. Enumerable.Range(0, 12).Select(_ => Body(source.Next(random)))];

        Assert.Equal(12, bodies.Distinct().Count());
        Assert.All(bodies[..4], body => Assert.EndsWith("\"k\":10}", body, StringComparison.Ordinal));
        Assert.All(bodies[4..8], body => Assert.EndsWith("\"k\":11}", body, StringComparison.Ordinal));
        Assert.Equal(4 * 91, source.ColdCapacity);
    }

    [Fact]
    public void Seven_in_ten_requests_of_the_mix_are_of_hot_users_who_are_never_cold()
    {
        var source = new RequestSource(Url, [.. Enumerable.Range(0, 5000)], Scenario.Mix, seed: 5);
        var random = new Random(1);
        HashSet<string> hot = [.. source.EveryHot.Select(Body)];

        string[] bodies = [.. Enumerable.Range(0, 10_000).Select(_ => Body(source.Next(random)))];

        Assert.Equal(1000, hot.Count);
        Assert.InRange(bodies.Count(hot.Contains), 6850, 7150);
        Assert.Equal(source.ColdsSent, bodies.Count(body => !hot.Contains(body)));
    }

    private static string Body(byte[] request) => Encoding.ASCII.GetString(request).Split("\r\n\r\n")[1];
}
