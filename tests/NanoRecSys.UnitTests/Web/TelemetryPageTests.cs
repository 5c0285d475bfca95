using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class TelemetryPageTests : BunitContext
{
    private static readonly TelemetrySnapshot Nothing = new(300, 0, 0, null, new Dictionary<string, long>(), [], [], []);

    private readonly FakeApi _api = new();
    private readonly Dictionary<string, string?> _settings = [];

    public TelemetryPageTests()
    {
        Services.AddSingleton(_ => _api.Client());
        Services.AddSingleton<ApiCalls>();
        Services.AddSingleton(services => new Feeds(services, TimeProvider.System));
        Services.AddSingleton<IConfiguration>(_ => new ConfigurationBuilder().AddInMemoryCollection(_settings).Build());
    }

    [Fact]
    public void The_aspire_dashboard_is_linked_if_its_address_is_known()
    {
        _settings["ASPIRE_DASHBOARD_URL"] = "http://localhost:15080";

        Assert.Equal("http://localhost:15080", Show(Nothing).Find("a.button").GetAttribute("href"));
    }

    [Fact]
    public void It_shows_the_number_of_replicas()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing with { Replicas = 3 });

        page.WaitForAssertion(() => Assert.StartsWith("3 replicas", page.Find("[data-testid=telemetry-replicas]").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_model_version_that_answered_has_a_row()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing with { Versions = [new("26ce4c48e9a3", 9, 1.5, 12, 60), new("9be1c7b0f2d4", 1, 2, 2, 2)] });

        page.WaitForAssertion(() => Assert.Equal(
            ["26ce4c48e9a3 1.50 ms 12.0 ms 60.0 ms 9", "9be1c7b0f2d4 2.00 ms 2.00 ms 2.00 ms 1"],
            page.FindAll("[data-testid=telemetry-version-row]").Select(row => string.Join(' ', row.Children.Select(cell => cell.TextContent)))));
        Assert.Empty(page.FindAll("[data-testid=telemetry-replicas]"));
    }

    [Fact]
    public void Before_any_request_each_panel_says_what_will_be_there()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing);

        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("[data-testid=empty-state]").Count)); // stages, versions, requests
    }

    private IRenderedComponent<TelemetryPage> Show(TelemetrySnapshot snapshot)
    {
        _api.On("GET /debug/telemetry", snapshot);
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
        return Render<TelemetryPage>();
    }
}
