using Bunit;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Rules;

namespace NanoRecSys.UnitTests.Web;

public sealed class RulesBoardTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi().On("GET /rules", new RuleDocument(0, []));

    public RulesBoardTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddSingleton(_api.Client()).AddSingleton(TimeProvider.System).AddSingleton(new EnteredKey());
    }

    [Fact]
    public void Edits_made_while_rules_are_saved_stay_and_can_be_saved_next()
    {
        TaskCompletionSource<object> stored = _api.Holds("PUT /rules");
        IRenderedComponent<RulesBoard> board = Render<RulesBoard>();
        board.WaitForElement("[data-testid=add-rule]:enabled").Click();
        board.Find("[data-testid=save-rules]").Click();

        board.Find("[data-testid=add-rule]").Click();
        stored.SetResult(new RuleDocument(1, [new Rule { Name = "Rule 1" }]));

        board.WaitForAssertion(() => Assert.Equal("Saved as version 1. Changes since then are not saved.", board.Find("[data-testid=rules-status]").TextContent));
        Assert.Equal(2, board.FindAll("[data-testid=rule]").Count);
        _api.On("PUT /rules", new RuleDocument(2, [new Rule { Name = "Rule 1" }, new Rule { Name = "Rule 2" }]));
        board.Find("[data-testid=save-rules]:enabled").Click();
        board.WaitForAssertion(() => Assert.StartsWith("Saved as version 2.", board.Find("[data-testid=rules-status]").TextContent, StringComparison.Ordinal));
        Assert.Equal([0, 1], _api.Requests.Where(request => request.Call == "PUT /rules").Select(request => JsonDocument.Parse(request.Body).RootElement.GetProperty("version").GetInt32()));
    }

    [Fact]
    public void A_list_of_values_with_commas_and_quotes_is_shown_and_saved_as_it_was()
    {
        string[] values = ["Chairs", "Tables, round", "5\" pipes", "\"Best\", they say", "\""];
        var rule = new Rule { Name = "One", Hide = [new ItemSelection { CategoriesAny = values }, new ItemSelection { Where = [new AttributeCondition("brand", "in", JsonSerializer.SerializeToNode(values))] }] };

        Rule saved = RuleDraft.Of(rule).ToRule(catalog: null);

        Assert.All(saved.Hide!, hide => Assert.Equal(values, hide.Where![0].Value!.AsArray().Select(value => value!.GetValue<string>())));
    }

    [Theory]
    [InlineData("a, b ,,c", "a|b|c")]
    [InlineData("\"a, b\",c", "a, b|c")]
    [InlineData("5\" pipe, \"a\" b, \"c", "5\" pipe|\"a\" b|\"c")]
    [InlineData(" , ", "")]
    public void Values_are_entered_separated_by_commas(string entered, string values)
    {
        AttributeCondition condition = new ConditionDraft { Op = ConditionDraft.In, Value = entered }.ToRequest(catalog: null);

        Assert.Equal(values, string.Join('|', condition.Value!.AsArray().Select(value => value!.GetValue<string>())));
    }
}
