using Polly;

namespace NanoRecSys.Web.Client;

public static class ClientRegistration
{
    /// <summary>The typed client at the service name <c>api</c>, and the feeds that poll it.</summary>
    public static IServiceCollection AddRecommenderClient(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>().BindConfiguration(ApiOptions.Section);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<Feeds>();
        services.AddSingleton<ApiCalls>();
        services.AddTransient<ApiCallTimer>();

        IHttpClientBuilder client = services.AddHttpClient<RecommenderClient>(http => http.BaseAddress = new Uri("https+http://api"));
        client.AddHttpMessageHandler<ApiCallTimer>(); // around everything else: retries are part of the wait
        client.AddServiceDiscovery();
        client.ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { UseProxy = false }); // a neighbour, never beyond a proxy
#pragma warning disable EXTEXP0001 // The one way to replace the default pipeline for a client; marked experimental.
        client.RemoveAllResilienceHandlers();
#pragma warning restore EXTEXP0001
        client.AddStandardResilienceHandler(options =>
        {
            // Somebody waits before a screen: fail within seconds and say so, the feeds ask again anyway.
            options.AttemptTimeout.Timeout = TimeSpan.FromSeconds(5);
            options.TotalRequestTimeout.Timeout = TimeSpan.FromSeconds(8);
            options.CircuitBreaker.SamplingDuration = TimeSpan.FromSeconds(10);
            options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(1);
            options.Retry.MaxRetryAttempts = 2;
            options.Retry.Delay = TimeSpan.FromMilliseconds(150);

            // An answer is an answer: 503 means "no model yet" here, and is shown, not retried.
            options.Retry.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
            options.CircuitBreaker.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
        });
        return services;
    }
}
