using System.Net;
using AngleSharp.Dom;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class UserPickerTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi().On("GET /users", new UserList(3, [new(7, 40), new(70, 60), new(71, 1)]));
    private readonly List<EntityId> _chosen = [];

    public UserPickerTests() => Services.AddSingleton(_api.Client());

    [Fact]
    public void Focus_alone_opens_nothing_and_leaving_keeps_the_user()
    {
        IRenderedComponent<UserPicker> picker = Show();

        Box(picker).Blur();

        Assert.Empty(_api.Requests);
        Assert.Empty(_chosen);
        Assert.Equal("7", Box(picker).GetAttribute("value"));
    }

    [Theory]
    [InlineData("ArrowDown")]
    [InlineData("ArrowUp")]
    public void An_arrow_key_offers_all_users(string key)
    {
        IRenderedComponent<UserPicker> picker = Show();

        Box(picker).KeyDown(key);

        Assert.Equal("?query=&limit=25", _api.Requests.Single().Query);
        Assert.Equal(["740 interactions", "7060 interactions", "711 interactions"], Options(picker));
    }

    [Fact]
    public void Leaving_open_results_with_Tab_keeps_the_user()
    {
        IRenderedComponent<UserPicker> picker = Show();

        Box(picker).KeyDown("ArrowDown");
        Box(picker).KeyDown("ArrowDown");
        Box(picker).KeyDown("Tab");
        Box(picker).Blur();

        Assert.Empty(Options(picker));
        Assert.Empty(_chosen);
        Assert.Equal("7", Box(picker).GetAttribute("value"));
    }

    [Fact]
    public void Typed_digits_are_searched_and_enter_selects()
    {
        IRenderedComponent<UserPicker> picker = Show();

        Box(picker).Input("7");
        Box(picker).KeyDown("ArrowDown");
        Box(picker).KeyDown("Enter");

        Assert.Equal("?query=7&limit=25", _api.Requests.Single().Query);
        Assert.Equal([70], _chosen);
    }

    [Fact]
    public void An_unknown_number_and_a_failure_are_different_messages()
    {
        _api.On("GET /users", new UserList(0, []));
        IRenderedComponent<UserPicker> picker = Show();

        Box(picker).Input("5");
        Assert.Equal(["No such user"], Options(picker));

        _api.Fails("GET /users", HttpStatusCode.ServiceUnavailable, "No model was published yet.");
        Box(picker).Input("55");
        Assert.Equal("No model was published yet.", picker.Find("[role=alert]").TextContent);
    }

    private static IElement Box(IRenderedComponent<UserPicker> picker) => picker.Find("[role=combobox]");

    private static IEnumerable<string> Options(IRenderedComponent<UserPicker> picker) => picker.FindAll("[role=option]").Select(option => option.TextContent.Trim());

    private IRenderedComponent<UserPicker> Show() => Render<UserPicker>(parameters => parameters
        .Add(picker => picker.User, 7)
        .Add(picker => picker.People, [new(7, 40), new(70, 60)])
        .Add(picker => picker.UserChanged, _chosen.Add));
}
