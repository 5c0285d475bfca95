using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Polly;

namespace NanoRecSys.Client;

/// <summary>Configuration section <c>NanoRecSys</c>.</summary>
public sealed class NanoRecSysOptions
{
    public const string Section = "NanoRecSys";

    /// <summary>The API's address: <c>https://recommender.example.com</c>, or <c>https+http://api</c> with service discovery.</summary>
    public Uri? Address { get; set; }

    /// <summary>One of the API's <c>Security:WriteKeys</c>; needed to store events and items if the API requires a key.</summary>
    public string? WriteKey { get; set; }
}

public static class NanoRecSysRegistration
{
    /// <summary>Registers <see cref="NanoRecSysClient"/>, configured by section <c>NanoRecSys</c> and by <paramref name="configure"/>.</summary>
    public static IHttpClientBuilder AddNanoRecSys(this IServiceCollection services, Action<NanoRecSysOptions>? configure = null)
    {
        OptionsBuilder<NanoRecSysOptions> options = services.AddOptions<NanoRecSysOptions>().BindConfiguration(NanoRecSysOptions.Section);
        options.Configure(configure ?? (_ => { })).Validate(known => known.Address is not null, "NanoRecSys:Address is not set. It is the address of the API.");
        return services.AddHttpClient(nameof(NanoRecSysClient))
            .ConfigureHttpClient((provider, http) => http.BaseAddress = provider.GetRequiredService<IOptions<NanoRecSysOptions>>().Value.Address)
            .AddTypedClient((http, provider) => new NanoRecSysClient(http, provider.GetRequiredService<IOptions<NanoRecSysOptions>>().Value.WriteKey))
            .AddRecommenderResilience();
    }

    /// <summary>Fails within eight seconds, because a user waits for the page. An answer such as 503 (no model yet) is passed on, not retried.</summary>
    public static IHttpClientBuilder AddRecommenderResilience(this IHttpClientBuilder client)
    {
#pragma warning disable EXTEXP0001 // The only way to replace a default pipeline; marked experimental.
        client.RemoveAllResilienceHandlers();
#pragma warning restore EXTEXP0001
        client.AddStandardResilienceHandler(options =>
        {
            options.AttemptTimeout.Timeout = TimeSpan.FromSeconds(5);
            options.TotalRequestTimeout.Timeout = TimeSpan.FromSeconds(8);
            options.CircuitBreaker.SamplingDuration = TimeSpan.FromSeconds(10);
            options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(1);
            options.Retry.MaxRetryAttempts = 2;
            options.Retry.Delay = TimeSpan.FromMilliseconds(150);
            options.Retry.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
            options.CircuitBreaker.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
        });
        return client;
    }
}
