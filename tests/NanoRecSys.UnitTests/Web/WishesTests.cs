using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class WishesTests
{
    [Fact]
    public void An_address_says_all_of_them()
    {
        Wishes wishes = Wishes.Parse("20", "Comedy, Drama", "Horror", "1980", "1999", "0.3");

        FilterRequest filter = wishes.Filter!;
        Assert.Equal((20, 0.3), (wishes.Count, wishes.Diversity));
        Assert.Equal(["Comedy", "Drama"], filter.GenresAny);
        Assert.Equal(["Horror"], filter.GenresNone);
        Assert.Equal((1980, 1999), (filter.YearFrom!.Value, filter.YearTo!.Value));
    }

    [Fact]
    public void What_they_say_is_read_back_from_the_address()
    {
        Wishes wishes = new() { Count = 50, Genres = ["Sci-Fi"], Without = ["War", "Western"], YearTo = 1990, Diversity = 0.7 };

        Dictionary<string, object?> query = wishes.ToQuery();

        Assert.Equal("War,Western", query["without"]);
        Assert.Null(query["from"]);
        Assert.Equal(wishes, Wishes.Parse($"{query["k"]}", $"{query["genres"]}", $"{query["without"]}", null, $"{query["to"]}", $"{query["diversity"]}"));
    }

    [Fact]
    public void Without_any_the_address_stays_bare_and_nothing_is_filtered()
    {
        Wishes none = Wishes.Parse(null, null, null, null, null, null);

        Assert.All(none.ToQuery().Values, Assert.Null);
        Assert.Null(none.Filter);
    }

    [Theory]
    [InlineData("many", 10)]
    [InlineData("0", 1)]
    [InlineData("5000", 100)]
    public void A_count_that_makes_no_sense_becomes_one_that_does(string count, int expected) =>
        Assert.Equal(expected, Wishes.Parse(count, null, null, "long ago", null, "a lot").Count);

    [Fact]
    public void A_genre_turns_from_either_way_to_wanted_to_not_wanted_and_back()
    {
        Wishes wanted = GenrePicker.Turn(new Wishes(), "War");
        Wishes unwanted = GenrePicker.Turn(wanted, "War");

        Assert.Equal(["War"], wanted.Genres);
        Assert.Empty(unwanted.Genres);
        Assert.Equal(["War"], unwanted.Without);
        Assert.Equal(new Wishes(), GenrePicker.Turn(unwanted, "War"));
    }
}
