using System.Text.Json;
using NanoRecSys.Benchmarks.Circuits;

namespace NanoRecSys.UnitTests.Benchmarks.Circuits;

public sealed class PrerenderedPageTests
{
    [Fact]
    public void Each_component_of_the_page_is_added()
    {
        PrerenderedPage page = PrerenderedPage.Parse("""
            <html><!--Blazor:{"type":"server","sequence":0,"descriptor":"a\u002B"}--><title/><!--Blazor:{"prerenderId":"p"}-->
            <!--Blazor:{"type":"server","sequence":1,"descriptor":"b"}--></html><!--Blazor-Server-Component-State:kept-->
            """);

        JsonElement[] added = [.. JsonDocument.Parse(page.Operations).RootElement.GetProperty("operations").EnumerateArray()];
        Assert.Equal(["a+", "b"], added.Select(operation => operation.GetProperty("marker").GetProperty("descriptor").GetString()));
        Assert.Equal([1, 2], added.Select(operation => operation.GetProperty("ssrComponentId").GetInt32()));
        Assert.Equal("kept", page.State);
    }

    [Fact]
    public void A_page_of_something_else_is_refused() =>
        Assert.Throws<InvalidDataException>(() => PrerenderedPage.Parse("<html>404</html>"));
}
