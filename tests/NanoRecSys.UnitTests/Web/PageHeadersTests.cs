using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using NanoRecSys.Web;

namespace NanoRecSys.UnitTests.Web;

public sealed class PageHeadersTests
{
    [Fact]
    public async Task Pictures_are_allowed_from_the_configured_origins_and_from_nowhere_else()
    {
        Assert.Contains("img-src 'self' data: blob: https://images.example.com http://127.0.0.1:9000; ", await PolicyAsync("https://images.example.com", "http://127.0.0.1:9000"), StringComparison.Ordinal);
        Assert.Contains("img-src 'self' data: blob:; ", await PolicyAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("images.example.com")]
    [InlineData("https://images.example.com/folder")]
    [InlineData("https://images.example.com; script-src *")]
    [InlineData("data:")]
    public async Task An_invalid_origin_is_refused_at_startup(string origin)
    {
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => PolicyAsync(origin));

        Assert.Contains(origin, refused.Message, StringComparison.Ordinal);
    }

    private static async Task<string> PolicyAsync(params string[] origins)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(origins.Select((origin, place) => KeyValuePair.Create($"Pages:ImageOrigins:{place}", (string?)origin)));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication app = builder.Build();
        app.UsePageHeaders();
        app.MapGet("/", () => "page");
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        using HttpResponseMessage response = await http.GetAsync(new Uri(app.Urls.Single()), TestContext.Current.CancellationToken);
        return response.Headers.GetValues("Content-Security-Policy").Single();
    }
}
