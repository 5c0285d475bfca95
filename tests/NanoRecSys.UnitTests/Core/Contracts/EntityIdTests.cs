namespace NanoRecSys.UnitTests.Core.Contracts;

public sealed class EntityIdTests
{
    [Theory]
    [InlineData("12", "12", true)]
    [InlineData("\"12\"", "12", false)]
    [InlineData("-9223372036854775808", "-9223372036854775808", true)]
    [InlineData("\"B00-x\"", "B00-x", false)]
    [InlineData("\" a b \"", " a b ", false)]
    public void JSON_has_numbers_and_strings(string json, string text, bool isNumber)
    {
        EntityId id = JsonSerializer.Deserialize<EntityId>(json);

        Assert.Equal((text, isNumber), (id.Text, id.IsNumber));
        Assert.Equal(json, JsonSerializer.Serialize(id));
    }

    [Theory]
    [InlineData("1.5")]
    [InlineData("9223372036854775808")]
    [InlineData("true")]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("\".\"")]
    [InlineData("\"..\"")] // GET /items/.. is another path
    [InlineData("\"a\\u0000b\"")]
    [InlineData("\"a\\nb\"")]
    [InlineData("\"\\u0085\"")]
    [InlineData("[1]")]
    public void Anything_else_is_refused(string json) => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<EntityId>(json));

    [Theory]
    [InlineData(256, 'x', true)]
    [InlineData(257, 'x', false)]
    [InlineData(128, 'ä', true)]
    [InlineData(129, 'ä', false)]
    public void An_id_has_at_most_256_bytes(int count, char character, bool isValid) => Assert.Equal(isValid, EntityId.IsValid(new string(character, count)));

    [Fact]
    public void Half_a_surrogate_pair_is_not_an_id() => Assert.False(EntityId.TryParse("a\uD800", out _));

    [Fact]
    public void A_number_and_its_text_are_the_same_id()
    {
        Assert.Equal(EntityId.Of("12"), (EntityId)12);
        Assert.Equal(EntityId.Of("12").GetHashCode(), ((EntityId)12).GetHashCode());
    }

    [Fact]
    public void Numbers_are_ordered_by_value_and_texts_by_their_characters()
    {
        EntityId[] numbers = [10, 9, -1];
        Array.Sort(numbers, EntityId.Compare);
        EntityId[] texts = [EntityId.Of("b"), EntityId.Of("10"), EntityId.Of("9")];
        Array.Sort(texts, EntityId.Compare);

        Assert.Equal(["-1", "9", "10"], numbers.Select(id => id.Text));
        Assert.Equal(["10", "9", "b"], texts.Select(id => id.Text));
    }
}
