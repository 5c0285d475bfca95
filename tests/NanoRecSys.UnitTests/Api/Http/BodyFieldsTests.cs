using System.Net;
using System.Threading.RateLimiting;
using NanoRecSys.Api.Http;

namespace NanoRecSys.UnitTests.Api.Http;

public sealed class BodyFieldsTests
{
    [Theory]
    [InlineData("5", 5)]
    [InlineData("5.0", 5)]
    [InlineData("\"5\"", 5)]
    [InlineData("\"-5\"", -5)]
    [InlineData("5e1", 50)]
    public void Whole_numbers_are_read_in_every_spelling(string json, int expected)
    {
        BodyFields fields = Parse($$"""{"n": {{json}}}""");

        Assert.Equal(expected, fields.Int32("n", fallback: null));
        Assert.Empty(fields.Errors);
    }

    [Theory]
    [InlineData("5.5")]
    [InlineData("true")]
    [InlineData("null")]
    [InlineData("[5]")]
    [InlineData("\"\"")]
    [InlineData("\"5 apples\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("1e300")]
    public void Any_other_value_is_an_error_of_that_field(string json)
    {
        BodyFields fields = Parse($$"""{"n": {{json}}}""");

        fields.Int32("n", fallback: null);

        FieldError error = Assert.Single(fields.Errors);
        Assert.Equal(["body", "n"], error.Loc);
        Assert.Equal("int_type", error.Type);
    }

    [Theory]
    [InlineData("3000000001", 0, int.MaxValue, "Input should be between 0 and 2147483647")]
    [InlineData("-3000000001", int.MinValue, int.MaxValue, "Input should be between -2147483648 and 2147483647")]
    [InlineData("\"99999999999999999999\"", 1, 100, "Input should be between 1 and 100")]
    [InlineData("1e30", 1, 100, "Input should be between 1 and 100")]
    [InlineData("\"3e9\"", 1, 100, "Input should be a valid integer")]
    public void Whole_numbers_beyond_32_bits_are_answered_with_the_range(string json, int min, int max, string expected)
    {
        BodyFields fields = Parse($$"""{"n": {{json}}}""");

        fields.Int32("n", fallback: null, min, max);

        FieldError error = Assert.Single(fields.Errors);
        Assert.Equal((expected, "int_type"), (error.Msg, error.Type));
    }

    [Theory]
    [InlineData("3000000001", "Input should be between -2147483648 and 2147483647")]
    [InlineData("-", "Input should be a valid integer")]
    [InlineData("1,000", "Input should be a valid integer")]
    public void Numbers_of_the_address_are_answered_the_same_way(string text, string expected)
    {
        var fields = new UrlFields();

        fields.Int32("limit", text, fallback: 0, int.MinValue, int.MaxValue);

        Assert.Equal(expected, Assert.Single(fields.Errors).Msg);
    }

    [Fact]
    public void An_absent_field_gets_its_default() => Assert.Equal(10, Parse("{}").Int32("k", 10, 1, 100));

    [Fact]
    public void A_list_names_the_place_of_a_wrong_item()
    {
        BodyFields fields = Parse("""{"movie_ids": [1, 2, true]}""");

        fields.IdList("movie_ids", maxCount: 3);

        Assert.Equal(["body", "movie_ids", "2"], Assert.Single(fields.Errors).Loc);
    }

    [Fact]
    public void A_list_beyond_its_limit_is_refused()
    {
        BodyFields fields = Parse("""{"movie_ids": [1, 2, 3]}""");

        Assert.Empty(fields.IdList("movie_ids", maxCount: 2));
        Assert.Equal("too_long", Assert.Single(fields.Errors).Type);
    }

    [Fact]
    public void Every_unknown_field_is_named()
    {
        BodyFields fields = Parse("""{"k": 1, "colour": "red", "size": 3}""");
        fields.Int32("k", 10);
        fields.Boolean("explain", false);
        Assert.False(fields.Has("session"));

        fields.ForbidOthers();

        Assert.Equal(["colour", "size"], fields.Errors.Select(error => error.Loc[^1]));
        Assert.All(fields.Errors, error => Assert.Equal(("extra_forbidden", "Unknown field; there are explain, k, session"), (error.Type, error.Msg)));
    }

    [Fact]
    public void Errors_of_rows_are_separate_and_name_their_index()
    {
        BodyFields fields = Parse("""{"events": [{"user_id": 1}, {"user_id": "x"}, 3]}""");

        IReadOnlyList<BodyFields> events = fields.Rows("events", 10);
        Assert.Equal(1, events[0].Int32("user_id", null));
        events[1].Int32("user_id", null);

        Assert.Empty(fields.Errors);
        Assert.Empty(events[0].Errors);
        Assert.Equal(["body", "events", "1", "user_id"], Assert.Single(events[1].Errors).Loc);
        Assert.Equal(["body", "events", "2"], Assert.Single(events[2].Errors).Loc);
    }

    [Fact]
    public void Errors_of_nested_objects_belong_to_the_body()
    {
        BodyFields fields = Parse("""{"pin": [{"position": 1}, {"position": "x"}]}""");

        Assert.All(fields.Objects("pin", 10), pin => pin.Int32("position", null));

        Assert.Equal(["body", "pin", "1", "position"], Assert.Single(fields.Errors).Loc);
    }

    [Theory]
    [InlineData("1e999", "finite_number")]
    [InlineData("\"5\"", "finite_number")]
    [InlineData("5.5", "out_of_range")]
    public void A_number_is_finite_and_in_its_range(string json, string type)
    {
        BodyFields fields = Parse($$"""{"rating": {{json}}}""");

        fields.OptionalNumber("rating", 0.5, 5);

        Assert.Equal(type, Assert.Single(fields.Errors).Type);
    }

    [Theory]
    [InlineData("\"\"", "string_too_short")]
    [InlineData("\"abcd\"", "string_too_long")]
    [InlineData("5", "string_type")]
    [InlineData("\"\\ud800\"", "string_type")]
    public void A_text_is_valid_Unicode_within_its_length(string json, string type)
    {
        BodyFields fields = Parse($$"""{"key": {{json}}}""");

        Assert.Null(fields.OptionalText("key", 3));

        Assert.Equal(type, Assert.Single(fields.Errors).Type);
    }

    private static BodyFields Parse(string json) => BodyFields.Parse(JsonDocument.Parse(json).RootElement);
}

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
