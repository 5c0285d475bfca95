using System.Net;
using System.Threading.RateLimiting;
using NanoRecSys.Api.Http;

namespace NanoRecSys.UnitTests.Api.Http;

public sealed class RateLimitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(15)]
    [InlineData(19)]
    [InlineData(99)]
    [InlineData(1_000_000)]
    public void Exactly_the_configured_rate_is_allowed(int requestsPerSecond)
    {
        TokenBucketRateLimiterOptions bucket = RateLimits.Bucket(new SecurityOptions { RequestsPerSecond = requestsPerSecond });

        Assert.Equal(requestsPerSecond, bucket.TokensPerPeriod / bucket.ReplenishmentPeriod.TotalSeconds);
        Assert.Equal(2 * requestsPerSecond, bucket.TokenLimit);
    }

    [Fact]
    public void The_configured_burst_is_allowed() =>
        Assert.Equal(7, RateLimits.Bucket(new SecurityOptions { RequestsPerSecond = 15, Burst = 7 }).TokenLimit);

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("::ffff:203.0.113.9", "203.0.113.9")] // IPv4 on a socket for both
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    [InlineData("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::")]
    [InlineData("2001:db8:1:3::6", "2001:db8:1:3::")]
    public void IPv6_clients_are_counted_by_their_network(string address, string client) =>
        Assert.Equal(IPAddress.Parse(client), RateLimits.ClientOf(IPAddress.Parse(address)));
}
