using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class ListOptionsTests
{
    [Fact]
    public void An_address_says_all_of_them()
    {
        ListOptions options = ListOptions.Parse("20", "Comedy, Drama", "Horror", "1980", "1999", "0.3");

        FilterRequest filter = options.Filter!;
        Assert.Equal((20, 0.3), (options.Count, options.Diversity));
        Assert.Equal(["Comedy", "Drama"], filter.GenresAny);
        Assert.Equal(["Horror"], filter.GenresNone);
        Assert.Equal((1980, 1999), (filter.YearFrom!.Value, filter.YearTo!.Value));
    }

    [Fact]
    public void What_they_say_is_read_back_from_the_address()
    {
        ListOptions options = new() { Count = 50, Genres = ["Sci-Fi"], Without = ["War", "Western"], YearTo = 1990, Diversity = 0.7 };

        Dictionary<string, object?> query = options.ToQuery();

        Assert.Equal("War,Western", query["without"]);
        Assert.Null(query["from"]);
        Assert.Equal(options, ListOptions.Parse($"{query["k"]}", $"{query["genres"]}", $"{query["without"]}", null, $"{query["to"]}", $"{query["diversity"]}"));
    }

    [Fact]
    public void Without_any_the_address_stays_bare_and_nothing_is_filtered()
    {
        ListOptions none = ListOptions.Parse(null, null, null, null, null, null);

        Assert.All(none.ToQuery().Values, Assert.Null);
        Assert.Null(none.Filter);
    }

    [Theory]
    [InlineData("many", 10)]
    [InlineData("0", 1)]
    [InlineData("5000", 100)]
    public void A_count_that_makes_no_sense_becomes_one_that_does(string count, int expected) =>
        Assert.Equal(expected, ListOptions.Parse(count, null, null, "long ago", null, "a lot").Count);

    [Fact]
    public void A_genre_turns_from_either_way_to_wanted_to_not_wanted_and_back()
    {
        ListOptions wanted = CategoryPicker.Turn(new ListOptions(), "War");
        ListOptions unwanted = CategoryPicker.Turn(wanted, "War");

        Assert.Equal(["War"], wanted.Genres);
        Assert.Empty(unwanted.Genres);
        Assert.Equal(["War"], unwanted.Without);
        Assert.Equal(new ListOptions(), CategoryPicker.Turn(unwanted, "War"));
    }
}
