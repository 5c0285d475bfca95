using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;

namespace NanoRecSys.UnitTests.Core.Features;

public sealed class ContentMapTests
{
    private static readonly ContentFeatures Features = new(["bias", "genre:Drama", "genre:War", "year:1990", "year:2000", "word:star"]);

    // Each feature points along a direction of its own; the bias adds nothing.
    private static readonly ContentMap Map = new(Features,
    [
        0, 0, 0, 0,
        1, 0, 0, 0,
        0, 1, 0, 0,
        0, 0, 3, 0,
        0, 0, 0, 3,
        2, 0, 0, 0,
    ]);

    [Fact]
    public void An_item_is_the_sum_of_its_features_at_length_one()
    {
        float[] embedding = Map.Embed("Lone Star", 1990, ["Drama"]);

        // Star and Drama: 2 + 1 along the first, 1990: 3 along the third.
        float half = MathF.Sqrt(0.5f);
        Assert.Equal([half, 0, half, 0], embedding, Near);
    }

    [Fact]
    public void A_year_between_two_knots_shares_in_both() =>
        Assert.Equal([0.7f, 0.3f], Features.Of("", 1993, []).Where(f => f.Column is 3 or 4).Select(f => f.Value), Near);

    [Fact]
    public void Of_many_genres_each_says_less() =>
        Assert.Equal(MathF.Sqrt(0.5f), Features.Of("", null, ["Drama", "War", "War"]).First(f => f.Column == 2).Value, 1e-6f);

    [Fact]
    public void What_training_has_not_seen_is_ignored() =>
        Assert.Equal([new ContentFeature(0, 1)], Features.Of("Unheard", null, ["Musical"]));

    [Fact]
    public void An_item_of_which_nothing_is_known_stays_at_zero_rather_than_become_no_number() =>
        Assert.Equal([0, 0, 0, 0], Map.Embed("", null, []));

    [Fact]
    public void Words_of_few_titles_are_no_features()
    {
        var catalog = new Catalog([.. new[] { "Star Trek", "Star Wars", "A Star", "Wars" }.Select((title, row) => Film.Of(row, row, title, 1980, ["War"], 1))]);

        IReadOnlyList<string> names = ContentFeatures.Vocabulary(catalog);

        Assert.Contains("word:star", names);
        Assert.Contains("genre:War", names);
        Assert.DoesNotContain("word:wars", names);
    }

    [Fact]
    public void It_is_read_as_it_was_written()
    {
        using var folder = new TemporaryFolder();
        Map.Write(folder.File("map.npy"), folder.File("names.json"));

        ContentMap read = ContentMap.Read(folder.File("map.npy"), folder.File("names.json"));

        Assert.Equal(Features.Names, read.Features.Names);
        Assert.Equal(Map.Embed("Star", 1997, ["War"]), read.Embed("Star", 1997, ["War"]));
    }

    [Fact]
    public void Names_of_another_map_are_refused()
    {
        using var folder = new TemporaryFolder();
        Map.Write(folder.File("map.npy"), folder.File("names.json"));
        File.WriteAllText(folder.File("names.json"), """["a", "b", "c", "d", "e", "f", "g"]""");

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => ContentMap.Read(folder.File("map.npy"), folder.File("names.json")));
        Assert.Contains("24 weights are not rows for 7 features", e.Message, StringComparison.Ordinal);
    }

    private static bool Near(float a, float b) => MathF.Abs(a - b) < 1e-6f;
}
