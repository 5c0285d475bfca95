using System.Text;
using NanoRecSys.Core.Items;

namespace NanoRecSys.UnitTests.Core.Items;

public sealed class ItemRecordTests
{
    private static readonly CatalogItem Lamp = new(4, EntityId.Of("lamp"), "Lamp", ["Light"], 12)
    {
        Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase) { ["price"] = AttributeValue.OfNumber(9), ["brand"] = AttributeValue.OfCategory("Birch") },
        ImageUrl = "https://example.com/lamp.jpg",
        Hidden = true,
    };

    [Fact]
    public void Fields_that_it_does_not_contain_are_the_catalogs()
    {
        CatalogItem item = new ItemRecord(Lamp.Id, 1) { Title = "Lamp 2", Attributes = Price(10) }.Apply(Lamp);

        Assert.Equal((4, "Lamp 2", 12, 10, "Birch", true), (item.Index, item.Title, item.Count, item.Attributes["PRICE"].Number, item.Attributes["brand"].Texts[0], item.Hidden));
        Assert.Equal(["Light"], item.Categories);
    }

    [Fact]
    public void What_is_removed_has_no_value()
    {
        CatalogItem item = new ItemRecord(Lamp.Id, 1) { Removed = ["image_url", "hidden", "categories", "attributes.BRAND"] }.Apply(Lamp);

        Assert.Equal((null, false, 1), (item.ImageUrl, item.Hidden, item.Attributes.Count));
        Assert.Empty(item.Categories);
        Assert.Empty(new ItemRecord(Lamp.Id, 1) { Removed = ["attributes"] }.Apply(Lamp).Attributes);
    }

    [Fact]
    public void A_later_change_adds_to_earlier_ones_and_reverts_them()
    {
        ItemRecord record = new ItemRecord(Lamp.Id, 1) { Attributes = Price(10), Removed = ["image_url"], Hidden = false };

        ItemRecord next = record.With(new ItemRecord(Lamp.Id, 2) { ImageUrl = "https://example.com/new.jpg", Removed = ["attributes.price", "hidden"] });

        Assert.Equal((1L, "https://example.com/new.jpg", false), (next.Added, next.Apply(Lamp).ImageUrl, next.Apply(Lamp).Hidden));
        Assert.False(next.Apply(Lamp).Attributes.ContainsKey("price"));
        Assert.Equal(11, next.With(new ItemRecord(Lamp.Id, 3) { Attributes = Price(11) }).Apply(Lamp).Attributes["price"].Number);
    }

    [Fact]
    public void What_was_written_is_read_and_so_is_a_film_of_an_earlier_release()
    {
        var record = new ItemRecord(EntityId.Of("a/b"), 5) { Title = "A", Categories = ["B"], Attributes = Price(1), AvailableFrom = DateTimeOffset.UnixEpoch, Version = 3 };

        Assert.Equal(
            """{"item_id":"a/b","added":5,"version":3,"title":"A","categories":["B"],"attributes":{"price":1},"available_from":"1970-01-01T00:00:00+00:00"}""",
            Encoding.UTF8.GetString(record.Write()));
        Assert.Equivalent(record, ItemRecord.Read(record.Write()), strict: true);
        CatalogItem film = ItemRecord.Read("""{"movie_id":777,"title":"The Lighthouse","year":2019,"genres":["Drama"],"added":5}"""u8).Apply();
        Assert.Equal(("777", "The Lighthouse", 2019, "Drama"), (film.Id.Text, film.Title, film.Year, film.Categories.Single()));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"item_id\":\"\",\"added\":1}")]
    [InlineData("{\"item_id\":\"a\",\"added\":1,\"categories\":[null]}")]
    [InlineData("{\"movie_id\":1,\"added\":1}")]
    [InlineData("{\"item_id\":\"a\",\"added\":1,\"attributes\":{\"a\":true}}")]
    public void An_invalid_record_is_refused(string stored) => Assert.Throws<InvalidDataException>(() => ItemRecord.Read(Encoding.UTF8.GetBytes(stored)));

    private static Dictionary<string, AttributeValue> Price(double price) => new(StringComparer.OrdinalIgnoreCase) { ["price"] = AttributeValue.OfNumber(price) };
}
