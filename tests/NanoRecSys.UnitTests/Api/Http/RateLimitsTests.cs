using System.Threading.RateLimiting;
using NanoRecSys.Api.Security;

namespace NanoRecSys.UnitTests.Api.Security;

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
    public void Exactly_the_rate_of_the_settings_is_allowed(int requestsPerSecond)
    {
        TokenBucketRateLimiterOptions bucket = RateLimits.Bucket(new SecurityOptions { RequestsPerSecond = requestsPerSecond });

        Assert.Equal(requestsPerSecond, bucket.TokensPerPeriod / bucket.ReplenishmentPeriod.TotalSeconds);
        Assert.Equal(2 * requestsPerSecond, bucket.TokenLimit);
    }

    [Fact]
    public void The_burst_is_that_of_the_settings() =>
        Assert.Equal(7, RateLimits.Bucket(new SecurityOptions { RequestsPerSecond = 15, Burst = 7 }).TokenLimit);
}
