using System.Text;
using NanoRecSys.Api.Outcomes;

namespace NanoRecSys.UnitTests.Api;

public sealed class ShownListTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_list_is_read_as_it_was_written_with_ids_of_any_text()
    {
        string[] ids = ["12", "{\"a\": 1}", "Straße 5", "|,;\"", " "];

        ShownList read = ShownList.Read(ShownList.Write(Shown(ids), "home"))!;

        Assert.Equal(("r1", Noon.ToUnixTimeSeconds(), "0123456789ab", "home"), (read.Request, read.Time, read.Version, read.Surface));
        Assert.Equal(ids, read.Items);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(100, 100)]
    [InlineData(250, 100)]
    public void At_most_a_hundred_items_are_kept(int shown, int kept)
    {
        Impression list = Shown([.. Enumerable.Range(10, shown).Select(id => $"{id}")]);

        Assert.Equal(Enumerable.Range(10, kept).Select(id => $"{id}"), ShownList.Read(ShownList.Write(list, "home"))!.Items);
        Assert.Equal(shown, list.ItemCount);
    }

    [Theory]
    [InlineData("")]
    [InlineData("""{"request": "r1", "time": 1, "version": "v", "surface": "s", "items": [1]}""")]
    [InlineData("r1\nnow\nv\nhome\n1")]
    public void Anything_else_is_not_read_as_a_list(string stored) => Assert.Null(ShownList.Read(stored));

    [Fact]
    public void The_same_answer_to_the_same_user_is_counted_until_it_is_written()
    {
        Impression list = Shown(["1"]);

        Assert.True(list.TryRepeat(7, "home", "r2", Noon.AddSeconds(1)));
        Assert.False(list.TryRepeat(8, "home", "r3", Noon));
        Assert.False(list.TryRepeat(7, "mail", "r3", Noon));
        Assert.Equal(2, list.Close());
        Assert.False(list.TryRepeat(7, "home", "r4", Noon.AddSeconds(2)));
        Assert.Equal(("r2", Noon.AddSeconds(1)), (list.RequestId, list.Time));
    }

    private static Impression Shown(string[] ids) => new(7, "0123456789ab", "home", Encoding.UTF8.GetBytes(string.Join('\n', ids)), "r1", Noon);
}
