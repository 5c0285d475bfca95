using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Data;

namespace NanoRecSys.UnitTests.Api.Serving;

public sealed class ConditionsTests
{
    private static readonly Condition[] None = [];

    public static TheoryData<Condition[]> Contradictions =>
    [
        [Number(">=", 2000), Number("<=", 1990)],
        [Number(">", 5), Number("<", 5)],
        [Number(">", 5), Number("<=", 5)],
        [Number(">=", 5), Number("<=", 5), Number("!=", 5)],
        [Number("=", 5), Number("=", 6)],
        [Number("=", 5), Number("!=", 5)],
        [Number("in", 5, 6), Number(">", 6)],
        [Number("in", 5, 6), Number("in", 7, 8)],
        [Number("in", 5, 6), Number("!=", 5), Number("!=", 6)],
        [Brand("=", "a"), Brand("=", "b")],
        [Brand("=", "a"), Brand("!=", "A")],
        [Brand("in", "a", "b"), Brand("in", "c")],
        [Brand("=", "birch"), Brand("contains", "oak")],
        [Tags("=", "red"), Tags("!=", "RED")],
        [Tags("in", "red", "new"), Tags("!=", "red")],
        [Brand("=", "a"), Number("<", 3), Number(">", 4)],
    ];

    public static TheoryData<Condition[]> Possible =>
    [
        None,
        [Number(">=", 5), Number("<=", 5)],
        [Number(">", 5), Number("<", 6), Number("!=", 5.5)],
        [Number("in", 5, 6), Number(">", 5)],
        [Number("!=", 5), Number("!=", 6)],
        [Brand("=", "a"), Brand("in", "A", "b")],
        [Brand("=", "birch"), Brand("contains", "IR")],
        [Brand("!=", "a"), Brand("contains", "a")],
        [Tags("=", "red"), Tags("=", "new"), Tags("!=", "old")],
    ];

    [Theory, MemberData(nameof(Contradictions))]
    public void Conditions_that_no_value_meets_are_a_contradiction(Condition[] conditions)
    {
        Condition[]? found = Conditions.Contradiction(conditions, KindOf);

        Assert.NotNull(found);
        Assert.Single(found.Select(condition => condition.Field).Distinct());
    }

    [Theory, MemberData(nameof(Possible))]
    public void Conditions_that_a_value_meets_are_none(Condition[] conditions) => Assert.Null(Conditions.Contradiction(conditions, KindOf));

    [Theory]
    [InlineData("2026-01-31", 1769817600)]
    [InlineData("2026-01-31T12:00Z", 1769860800)]
    [InlineData("2026-01-31T12:00:00+02:00", 1769853600)]
    [InlineData("2026-01-31T12:00:00.5Z", 1769860800)]
    [InlineData("31.01.2026", double.NaN)]
    [InlineData("2026", double.NaN)]
    public void A_text_that_is_a_time_has_its_seconds(string text, double expected) => Assert.Equal(expected, ((ConditionValue)text).Number);

    private static AttributeKind? KindOf(string field) => field switch { "n" => AttributeKind.Number, "brand" => AttributeKind.Category, _ => AttributeKind.Categories };

    private static Condition Number(string op, params double[] values) => new("n", op, [.. values.Select(value => (ConditionValue)value)]);

    private static Condition Brand(string op, params string[] values) => new("brand", op, [.. values.Select(value => (ConditionValue)value)]);

    private static Condition Tags(string op, params string[] values) => new("tags", op, [.. values.Select(value => (ConditionValue)value)]);
}
