using System.Text;
using NanoRecSys.Api.Outcomes;

namespace NanoRecSys.UnitTests.Api;

public sealed class OutcomesApiTests
{
    private const string Old = "aaaaaaaaaaaa";
    private const string New = "bbbbbbbbbbbb";
    private static readonly DateTimeOffset Day = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(10, 100, 0.1, 0.0552, 0.1744)] // R's binom::binom.confint(10, 100, methods = "wilson")
    [InlineData(0, 20, 0, 0, 0.1611)]
    [InlineData(0, 0, 0, 0, 1)]
    public void Wilson_intervals_are_those_of_the_literature(int hits, int of, double value, double low, double high)
    {
        OutcomeRate rate = OutcomesApi.Wilson(hits, of);

        Assert.Equal((value, low, high), (Math.Round(rate.Value, 4), Math.Round(rate.Low, 4), Math.Round(rate.High, 4)));
    }

    [Fact]
    public void Difference_is_Newcombe_s_example() // 56 of 70 and 48 of 80 (Newcombe 1998, table II, a): 0.0524 to 0.3339
    {
        OutcomeRate difference = OutcomesApi.Difference(OutcomesApi.Wilson(56, 70), OutcomesApi.Wilson(48, 80));

        Assert.Equal((0.2, 0.0524, 0.3339), (Math.Round(difference.Value, 4), Math.Round(difference.Low, 4), Math.Round(difference.High, 4)));
    }

    [Fact]
    public void Report_compares_a_split_on_the_days_that_both_versions_were_shown()
    {
        var totals = new OutcomeTotals();
        Count(Day.AddDays(-1), Old, impressions: 1000, clicks: 900); // only the old version is shown: not compared
        Count(Day, Old, 1000, 20);
        Count(Day, New, 1000, 80);

        OutcomeReport report = OutcomesApi.Report(30, totals, [Old, New]);

        Assert.Equal([(Old, 2000, 920), (New, 1000, 80)], report.Outcomes.Select(row => (row.Version, row.Impressions, row.Clicks)));
        Assert.Equal(["click_rate", "conversion_rate"], report.Comparisons.Select(comparison => comparison.Rate));
        OutcomeComparison clicks = report.Comparisons[0];
        Assert.Equal((New, Old, 1), (clicks.Version, clicks.With, clicks.Days));
        Assert.Equal($"The click rate of {New} is 8.00% and of {Old} 2.00%: a difference of +6.00 points (+4.14 to +7.98), better.", clicks.Sentence);
        Assert.EndsWith("which may be chance.", report.Comparisons[1].Sentence, StringComparison.Ordinal);

        void Count(DateTimeOffset time, string version, long impressions, long clicks)
        {
            totals.Add(time, version, "default", OutcomeTotals.Lists, impressions / 10);
            totals.Add(time, version, "default", OutcomeTotals.Impressions, impressions);
            totals.Add(time, version, "default", OutcomeTotals.Clicks, clicks);
        }
    }
}

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
