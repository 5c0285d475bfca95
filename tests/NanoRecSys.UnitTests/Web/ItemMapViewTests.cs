using Bunit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.JSInterop;
using NanoRecSys.Web.Components.Explore;

namespace NanoRecSys.UnitTests.Web;

public sealed class ItemMapViewTests : BunitContext
{
    [Fact]
    public async Task Leaving_while_the_map_is_drawn_breaks_no_page()
    {
        var script = new SlowScript();
        Services.AddSingleton<IJSRuntime>(script);
        Render<ItemMapView>(parameters => parameters.Add(view => view.Compact, true));
        Assert.True(script.IsDrawing);

        await DisposeComponentsAsync();
        script.Fail(new JSException("The element no longer exists."));

        Task first = await Task.WhenAny(Renderer.UnhandledException, Task.Delay(200, Xunit.TestContext.Current.CancellationToken));
        Assert.NotSame(Renderer.UnhandledException, first);
    }

    /// <summary>A browser and its module, whose "draw" never ends until it fails.</summary>
    private sealed class SlowScript : IJSRuntime, IJSObjectReference
    {
        private readonly TaskCompletionSource<IJSObjectReference> _drawing = new();

        public bool IsDrawing { get; private set; }

        public void Fail(Exception e) => _drawing.SetException(e);

        public async ValueTask<TValue> InvokeAsync<TValue>(string identifier, object?[]? args)
        {
            IsDrawing |= identifier == "draw";
            IJSObjectReference result = identifier == "draw" ? await _drawing.Task : this;
            return (TValue)result;
        }

        public ValueTask<TValue> InvokeAsync<TValue>(string identifier, CancellationToken cancellationToken, object?[]? args) => InvokeAsync<TValue>(identifier, args);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
