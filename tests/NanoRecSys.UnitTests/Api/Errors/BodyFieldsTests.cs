using System.Text.Json;
using NanoRecSys.Api.Errors;

namespace NanoRecSys.UnitTests.Api.Errors;

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
    public void Anything_else_is_an_error_of_that_field(string json)
    {
        BodyFields fields = Parse($$"""{"n": {{json}}}""");

        fields.Int32("n", fallback: null);

        FieldError error = Assert.Single(fields.Errors);
        Assert.Equal(["body", "n"], error.Loc);
        Assert.Equal("int_type", error.Type);
    }

    [Fact]
    public void An_absent_field_takes_its_fallback() => Assert.Equal(10, Parse("{}").Int32("k", 10, 1, 100));

    [Fact]
    public void A_list_names_the_place_of_a_wrong_item()
    {
        BodyFields fields = Parse("""{"movie_ids": [1, 2, "x"]}""");

        fields.Int32List("movie_ids", maxCount: 3);

        Assert.Equal(["body", "movie_ids", "2"], Assert.Single(fields.Errors).Loc);
    }

    [Fact]
    public void A_list_beyond_its_limit_is_refused()
    {
        BodyFields fields = Parse("""{"movie_ids": [1, 2, 3]}""");

        Assert.Empty(fields.Int32List("movie_ids", maxCount: 2));
        Assert.Equal("too_long", Assert.Single(fields.Errors).Type);
    }

    private static BodyFields Parse(string json) => BodyFields.Parse(JsonDocument.Parse(json).RootElement);
}
