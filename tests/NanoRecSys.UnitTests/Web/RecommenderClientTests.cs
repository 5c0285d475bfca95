using System.Net;
using NanoRecSys.Client;
using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

public sealed class RecommenderClientTests
{
    private static readonly CancellationToken Test = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_contract_uses_snake_case()
    {
        string? sent = null;
        RecommenderClient client = Answering(HttpStatusCode.OK, """
            {"items":[{"item_id":"B07","title":"Soap","categories":["Beauty"],"attributes":{"price":4.5,"brand":"Dove"},"score":0.9}],"debug_timing":{"source":"cache"},"request_id":"r","served_from_cache":true,"mode":"live","version":"v"}
            """, body => sent = body);

        RecommendationsResponse response = await client.RecommendAsync(new RecommendationsRequest { UserId = 7, K = 5, Explain = true }, Test);

        Assert.Equal("""{"user_id":7,"k":5,"offset":0,"explain":true,"include_history":false,"diversity":0,"popularity_penalty":0,"exclude_shown":0}""", sent);
        RecommendedItem soap = Assert.Single(response.Items);
        Assert.Equal(("B07", 0.9f, 4.5), (soap.ItemId.Text, soap.Score, soap.Attributes!["Price"].Number));
        Assert.True(response.ServedFromCache);
        Assert.Equal("cache", response.DebugTiming.Source);
    }

    [Theory]
    [InlineData(HttpStatusCode.ServiceUnavailable, """{"detail":{"status":"not_ready","errors":["No model was published yet."],"warnings":[]}}""", ApiFailure.NotReady, "No model was published yet.")]
    [InlineData(HttpStatusCode.UnprocessableEntity, """{"detail":[{"loc":["body","k"],"msg":"k is 200, expected 1 to 100.","type":"value_error"}]}""", ApiFailure.Refused, "k is 200, expected 1 to 100.")]
    public async Task A_call_fails_with_the_reasons_of_the_answer(HttpStatusCode status, string body, ApiFailure failure, string reason)
    {
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => Answering(status, body).UsersAsync(null, 20, Test));

        Assert.Equal((failure, reason), (refused.Failure, refused.Message));
    }

    [Fact]
    public async Task An_answer_that_is_not_json_is_refused_and_named()
    {
        RecommenderClient client = Answering(HttpStatusCode.OK, "<html>");

        ApiException failure = await Assert.ThrowsAsync<ApiException>(() => client.StatusAsync(Test));

        Assert.Equal(ApiFailure.Refused, failure.Failure);
    }

    [Fact]
    public async Task Readiness_answers_instead_of_throwing()
    {
        RecommenderClient away = new(Http(new Stub((_, _) => throw new HttpRequestException("Connection refused"))));
        RecommenderClient untrained = Answering(HttpStatusCode.ServiceUnavailable, """{"detail":{"status":"not_ready","errors":["No model."],"warnings":["No cache."]}}""");

        Assert.Equal(ReadinessState.Away, (await away.ReadinessAsync(Test)).State);
        Readiness readiness = await untrained.ReadinessAsync(Test);
        Assert.Equal(ReadinessState.NotReady, readiness.State);
        Assert.Equal(["No model.", "No cache."], readiness.Problems);
    }

    private static RecommenderClient Answering(HttpStatusCode status, string body, Action<string>? onSent = null) => new(Http(new Stub(async (request, cancellation) =>
    {
        onSent?.Invoke(request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellation));
        return new HttpResponseMessage(status) { Content = new StringContent(body) };
    })));

    private static HttpClient Http(Stub stub) => new(stub) { BaseAddress = new Uri("http://api") };

    private sealed class Stub(Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => answer(request, cancellationToken);
    }
}

public sealed class ApiCallsTests
{
    [Fact]
    public void Old_calls_are_discarded_so_that_memory_stays_bounded()
    {
        var calls = new ApiCalls();
        for (int call = 0; call < 600; call++)
        {
            calls.Add($"{call}", new ApiCall(DateTimeOffset.UnixEpoch, call));
        }

        Assert.Null(calls.Find("99"));
        Assert.Equal(100, calls.Find("100")!.DurationMs);
        Assert.Equal(599, calls.Find("599")!.DurationMs);
    }
}
