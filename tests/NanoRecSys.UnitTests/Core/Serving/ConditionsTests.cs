using System.Globalization;
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

public sealed class AttributeTableTests
{
    private static readonly AttributeTable Table = new(
    [
        Item(0, "Lamp", ["Light"], 9, ("price", AttributeValue.OfNumber(10)), ("brand", AttributeValue.OfCategory("Ä & Co")), ("tags", AttributeValue.OfCategories(["new", "red"]))),
        Item(1, "Chair", ["Seats", "Wood"], 5, ("price", AttributeValue.OfNumber(20.5)), ("brand", AttributeValue.OfCategory("Birch")), ("tags", AttributeValue.OfCategories(["RED"]))),
        Item(2, "Table", ["Wood"], 5, ("Price", AttributeValue.OfNumber(-3)), ("made", AttributeValue.OfTime(86_400))),
        Item(3, "Unknown", [], 0),
    ]);

    [Theory]
    [InlineData("price", "=", 20.5, new[] { 1 })]
    [InlineData("PRICE", "!=", 20.5, new[] { 0, 2, 3 })]
    [InlineData("price", "<", 10, new[] { 2 })]
    [InlineData("price", "<=", 10, new[] { 0, 2 })]
    [InlineData("price", ">", 10, new[] { 1 })]
    [InlineData("price", ">=", 10, new[] { 0, 1 })]
    [InlineData("made", "=", 86_400, new[] { 2 })]
    public void Numbers_are_compared_and_an_item_without_one_only_meets_not_equal(string field, string op, double value, int[] expected) =>
        Assert.Equal(expected, Table.Matching(new Condition(field, op, [value]), Table.KindOf(field)!.Value));

    [Theory]
    [InlineData("brand", "=", "birch", new[] { 1 })]
    [InlineData("brand", "!=", "birch", new[] { 0, 2, 3 })]
    [InlineData("brand", "contains", "ä &", new[] { 0 })]
    [InlineData("tags", "=", "red", new[] { 0, 1 })]
    [InlineData("tags", "!=", "red", new[] { 2, 3 })]
    [InlineData("tags", "contains", "E", new[] { 0, 1 })]
    [InlineData("categories", "=", "WOOD", new[] { 1, 2 })]
    [InlineData("title", "contains", "ab", new[] { 2 })]
    [InlineData("brand", "=", "no such", new int[0])]
    public void Texts_are_found_in_any_letter_case(string field, string op, string value, int[] expected) =>
        Assert.Equal(expected, Table.Matching(new Condition(field, op, [value]), Table.KindOf(field)!.Value));

    [Fact]
    public void One_of_several_values_is_enough_and_for_not_equal_none_may_match()
    {
        Assert.Equal([0, 2], Table.Matching(new Condition("price", "in", [10, -3, 99]), AttributeKind.Number));
        Assert.Equal([1, 2, 0], [.. Table.Matching(new Condition("categories", "in", ["Wood"]), AttributeKind.Categories), .. Table.Matching(new Condition("categories", "in", ["light", "x"]), AttributeKind.Categories)]);
        Assert.Equal([3], Table.Matching(new Condition("categories", "!=", ["Wood", "Light"]), AttributeKind.Categories));
    }

    [Fact]
    public void It_describes_the_attributes_of_the_items()
    {
        Assert.Equal(["brand", "made", "price", "tags"], Table.Fields.Order(StringComparer.Ordinal));
        Assert.Null(Table.KindOf("colour"));
        AttributeOverview price = Table.Describe("price", 10);
        Assert.Equal((3, -3, 20.5), (price.Items, price.Min!.Value.Number, price.Max!.Value.Number));
        Assert.Equal([new ValueCount("Wood", 2), new ValueCount("Light", 1)], Table.Describe("categories", 2).Values!);
        Assert.Equal(("Seats", "nothing"), (Table.Spelling("categories", "SEATS"), Table.Spelling("categories", "nothing")));
    }

    private static CatalogItem Item(int index, string title, string[] categories, int count, params (string Name, AttributeValue Value)[] attributes) =>
        new(index, EntityId.Of(title), title, categories, count)
        {
            Attributes = attributes.ToDictionary(attribute => attribute.Name, attribute => attribute.Value, StringComparer.OrdinalIgnoreCase),
        };
}
