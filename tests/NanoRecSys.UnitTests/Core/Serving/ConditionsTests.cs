using System.Globalization;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Core.Serving;

public sealed class ConditionsTests
{
    [Theory]
    [InlineData("n >= 2000; n <= 1990")]
    [InlineData("n > 5; n < 5")]
    [InlineData("n > 5; n <= 5")]
    [InlineData("n >= 5; N <= 5; n != 5")]
    [InlineData("n = 5; n = 6")]
    [InlineData("n = 5; n != 5")]
    [InlineData("n in 5,6; n > 6")]
    [InlineData("n in 5,6; n in 7,8")]
    [InlineData("n in 5,6; n != 5; n != 6")]
    [InlineData("brand = a; brand = b")]
    [InlineData("brand = a; brand != A")]
    [InlineData("brand in a,b; brand in c")]
    [InlineData("brand = birch; brand contains oak")]
    [InlineData("tags = red; tags != RED")]
    [InlineData("tags in red,new; tags != red")]
    [InlineData("brand = a; n < 3; n > 4")]
    public void Conditions_that_no_value_meets_are_a_contradiction(string conditions)
    {
        Condition[]? found = Conditions.Contradiction(Parse(conditions), KindOf);

        Assert.NotNull(found);
        Assert.Single(found.Select(condition => condition.Field.ToLowerInvariant()).Distinct());
    }

    [Theory]
    [InlineData("")]
    [InlineData("n >= 5; n <= 5")]
    [InlineData("n > 5; n < 6; n != 5.5")]
    [InlineData("n in 5,6; n > 5")]
    [InlineData("n != 5; n != 6")]
    [InlineData("brand = a; brand in A,b")]
    [InlineData("brand = birch; brand contains IR")]
    [InlineData("brand != a; brand contains a")]
    [InlineData("tags = red; tags = new; tags != old")]
    public void Conditions_that_a_value_meets_are_none(string conditions) => Assert.Null(Conditions.Contradiction(Parse(conditions), KindOf));

    [Theory]
    [InlineData("2026-01-31", 1769817600)]
    [InlineData("2026-01-31T12:00Z", 1769860800)]
    [InlineData("2026-01-31T12:00:00+02:00", 1769853600)]
    [InlineData("2026-01-31T12:00:00.5Z", 1769860800)]
    [InlineData("31.01.2026", double.NaN)]
    [InlineData("2026", double.NaN)]
    public void A_text_that_is_a_time_has_its_seconds(string text, double expected) => Assert.Equal(expected, ((ConditionValue)text).Number);

    private static AttributeKind? KindOf(string field) => field.ToLowerInvariant() switch { "n" => AttributeKind.Number, "brand" => AttributeKind.Category, _ => AttributeKind.Categories };

    private static Condition[] Parse(string conditions) => [.. conditions.Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(condition => condition.Split(' ')).Select(parts =>
        new Condition(parts[0], parts[1], [.. parts[2].Split(',').Select(value => double.TryParse(value, CultureInfo.InvariantCulture, out double number) ? (ConditionValue)number : value)]))];
}
