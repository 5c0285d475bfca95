using System.Buffers;
using System.Text;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Api.Pipeline;

public sealed class RequestReaderTests
{
    [Fact]
    public void Every_field_of_a_request_is_read()
    {
        (RecommendationRequest request, BodyFields body) = Read("""
            {"user_id": "anna", "item_id": 5, "k": 1000, "offset": 9000, "explain": true, "include_history": true,
             "filters": {"categories_any": ["A"], "categories_none": ["B"], "where": [{"field": "price", "op": "in", "value": [1, "2"]}], "include_ids": [1], "exclude_ids": ["x"], "min_popularity": 3, "max_popularity": 4},
             "boost": [{"where": [{"field": "brand", "op": "contains", "value": "C"}], "categories_any": ["D"], "factor": 0.5}], "pin": [{"item_id": "y", "position": 7}]}
            """);

        Assert.Empty(body.Errors);
        Assert.Equal(("anna", "5", 1000, 9000, true, true), (request.UserId!.Value.Text, request.InView!.Value.Text, request.K, request.Offset, request.Explain, request.IncludeHistory));
        Assert.Equal(["categories in A", "categories != B", "price in 1,2", "\u0001popularity >= 3", "\u0001popularity <= 4"],
            request.Filter!.Where.Select(condition => $"{condition.Field} {condition.Op} {string.Join(',', condition.Values.Select(value => value.Text ?? $"{value.Number}"))}"));
        Assert.Equal((0.5, 2), (request.Boosts.Single().Factor, request.Boosts.Single().Items.Where.Count));
        Assert.Equal(new PinRequest(EntityId.Of("y"), 7), request.Pins.Single());
    }

    [Fact]
    public void Times_of_a_session_are_seconds_or_ISO_8601()
    {
        (RecommendationRequest request, BodyFields body) = Read("""{"session": [{"item_id": 1, "time": 1769817600}, {"item_id": 2, "time": "2026-01-31T00:00:01Z"}]}""");

        Assert.Empty(body.Errors);
        Assert.Equal([1769817600, 1769817601], request.Times!);
    }

    [Fact]
    public void All_errors_are_named_with_their_location()
    {
        (_, BodyFields body) = Read("""
            {"session": [{"item_id": 1, "colour": 2}, {"item_id": true}], "k": 0, "filters": {"where": [{"field": "", "op": "=", "value": null}]},
             "boost": [{"factor": "x"}], "pin": [{"item_id": 1}], "colour": "red"}
            """);

        Assert.Equal(
            ["body.session.0.colour", "body.session.1.item_id", "body.k", "body.filters.where.0.field", "body.filters.where.0.value", "body.boost.0.where", "body.boost.0.factor", "body.pin.0.position", "body.colour"],
            body.Errors.Select(error => string.Join('.', error.Loc)));
    }

    [Fact]
    public void A_page_of_recommendations_has_at_most_a_hundred_items()
    {
        BodyFields body = BodyFields.Parse(JsonSerializer.Deserialize<JsonElement>("""{"user_id": 1, "k": 101, "offset": 5}"""));

        RecommendationRequest request = RequestReader.User(body);

        Assert.Equal((true, 0), (request.ShowsMovies, request.Offset));
        Assert.Equal("Input should be less than or equal to 100", Assert.Single(body.Errors).Msg);
    }

    private static (RecommendationRequest Request, BodyFields Body) Read(string json)
    {
        BodyFields body = BodyFields.Parse(JsonSerializer.Deserialize<JsonElement>(json));
        return (RequestReader.Items(body), body);
    }
}

public sealed class PlainBodyTests
{
    [Theory]
    [InlineData("""{"user_id":42,"k":5}""", 42, 5)]
    [InlineData(""" { "k" : 100, "user_id" : -1 } """, -1, 100)]
    [InlineData("""{"user_id":42}""", 42, 10)]
    [InlineData("""{"user_id":1,"user_id":2}""", 2, 10)]
    public void A_plain_body_is_read(string body, int user, int k)
    {
        RecommendationRequest? request = Parse(body);

        Assert.Equal((user, k), (request!.UserId!.Value, request.K));
    }

    [Theory]
    [InlineData("""{"k":5}""")]
    [InlineData("""{"user_id":42,"k":0}""")]
    [InlineData("""{"user_id":42,"k":101}""")]
    [InlineData("""{"user_id":42,"explain":true}""")]
    [InlineData("""{"user_id":""}""")]
    [InlineData("""{"user_id":"a\nb"}""")]
    [InlineData("""{"user_id":4.0}""")]
    [InlineData("""{"user_id":9223372036854775808}""")]
    [InlineData("""{"user_id":42}}""")]
    [InlineData("""{"user_id":42""")]
    [InlineData("""{"user_id":42,"\ud800":0}""")]
    [InlineData("""[42]""")]
    [InlineData("""42""")]
    [InlineData("")]
    public void Any_other_body_is_left_to_the_reader_that_reports_errors(string body) => Assert.Null(Parse(body));

    private static RecommendationRequest? Parse(string body) => PlainBody.Parse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)));
}
