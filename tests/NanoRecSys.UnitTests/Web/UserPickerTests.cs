using System.Net;
using AngleSharp.Dom;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;
using MudBlazor.Services;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class UserPickerTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi().On("GET /users", new UserList(3, [new(7, 40), new(70, 60), new(71, 1)]));
    private readonly List<int> _chosen = [];
    private readonly IRenderedComponent<MudPopoverProvider> _popovers;

    public UserPickerTests()
    {
        Services.AddMudServices();
        Services.AddSingleton(_api.Client());
        JSInterop.Mode = JSRuntimeMode.Loose;
        _popovers = Render<MudPopoverProvider>();
    }

    [Fact]
    public void Opening_it_offers_everybody_though_the_chosen_number_stands_in_it()
    {
        Open();

        Assert.Equal("?query=&limit=25", _api.Asked.Single().Query);
        Assert.Equal(["740 ratings", "7060 ratings", "711 ratings"], Options().Select(option => option.TextContent));
    }

    [Fact]
    public void Arrows_and_enter_choose_a_user()
    {
        IElement box = Open();

        Press(box, "ArrowDown");
        Press(box, "Enter");

        _popovers.WaitForAssertion(() => Assert.Equal([70], _chosen));
    }

    [Fact]
    public void Escape_closes_it_without_a_choice()
    {
        IElement box = Open();

        Press(box, "ArrowDown");
        Press(box, "Escape");

        _popovers.WaitForAssertion(() => Assert.Empty(Options()));
        Assert.Empty(_chosen);
    }

    [Fact]
    public void Nobody_by_that_number_is_told()
    {
        _api.On("GET /users", new UserList(0, []));

        Open(expectOptions: false);

        _popovers.WaitForAssertion(() => Assert.Contains("No such user", _popovers.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void A_failure_is_told_and_not_taken_for_nobody()
    {
        _api.Fails("GET /users", HttpStatusCode.ServiceUnavailable, "No model was published yet.");

        Open(expectOptions: false);

        _popovers.WaitForAssertion(() => Assert.Contains("No model was published yet.", _popovers.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No such user", _popovers.Markup, StringComparison.Ordinal);
    }

    private static void Press(IElement box, string key)
    {
        box.KeyDown(key);
        box.KeyUp(key);
    }

    private List<IElement> Options() => [.. _popovers.FindAll(".mud-list-item")];

    private IElement Open(bool expectOptions = true)
    {
        IRenderedComponent<UserPicker> picker = Render<UserPicker>(parameters => parameters
            .Add(picker => picker.User, 7)
            .Add(picker => picker.People, [new(7, 40), new(70, 60)])
            .Add(picker => picker.UserChanged, _chosen.Add));
        IElement box = picker.Find("input");
        box.Focus();
        if (expectOptions)
        {
            _popovers.WaitForAssertion(() => Assert.Equal(3, Options().Count));
        }

        return box;
    }
}
