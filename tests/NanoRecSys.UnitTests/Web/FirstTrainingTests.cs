using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

public sealed class FirstTrainingTests : BunitContext
{
    [Fact]
    public void A_failed_training_says_why_once_and_how_to_start_again()
    {
        FakeApi api = new FakeApi().On("GET /training/progress", new TrainingStatus("run", [Runs.Event(9, 1, "prepare", ProgressEvent.Failed) with { Message = "ratings.csv line 812: no rating." }]));
        Services.AddSingleton(_ => api.Client());
        Services.AddSingleton(services => new Feeds(services, TimeProvider.System));
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));

        IRenderedComponent<FirstTraining> page = Render<FirstTraining>();

        page.WaitForAssertion(() => Assert.Equal("Training failed", page.Find("h1").TextContent));
        Assert.Single(page.Markup.Split("line 812").Skip(1));
        Assert.Contains("dotnet run --project NanoRecSys.Training -- run", page.Find("code").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("Recommendations appear", page.Markup, StringComparison.Ordinal);
    }
}
