using System.Buffers;
using System.Text;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Api.Pipeline;

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
