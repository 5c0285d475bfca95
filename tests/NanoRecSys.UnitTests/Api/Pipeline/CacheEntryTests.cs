using System.Text;
using NanoRecSys.Api.Pipeline;

namespace NanoRecSys.UnitTests.Api.Pipeline;

public sealed class CacheEntryTests
{
    private static readonly DateTimeOffset Created = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly byte[] Content = JsonSerializer.SerializeToUtf8Bytes(new CacheEntry.MovieContent
    {
        MovieIds = [3, 1],
        Scores = [0.5f, 0.25f],
        Explanations = [],
        Movies = [],
        Version = "0123456789ab",
    }, RecommendationJson.Default.MovieContent);

    [Fact]
    public void A_read_entry_equals_the_written_one_and_its_JSON_the_response()
    {
        CacheEntry read = CacheEntry.Read(CacheEntry.Write(Content, "3\n1"u8.ToArray(), "unknown_user", 4, Created).Bytes);

        Assert.Equal((4, "unknown_user", Created), (read.EventsStamp, read.FallbackReason, read.Created));
        Assert.Equal("3\n1", Encoding.UTF8.GetString(read.ItemIds.Span));
        Assert.Equal(
            """{"movie_ids":[3,1],"scores":[0.5,0.25],"explanations":[],"movies":[],"version":"0123456789ab"}""",
            Encoding.UTF8.GetString(read.Json.Span));
        Assert.Null(CacheEntry.Read(CacheEntry.Write(Content, "3\n1"u8.ToArray(), null, 4, Created).Bytes).FallbackReason);
    }

    [Fact]
    public void Truncated_and_foreign_entries_are_refused()
    {
        byte[] whole = CacheEntry.Write(Content, "3\n1"u8.ToArray(), null, 4, Created).Bytes;

        Assert.Throws<InvalidDataException>(() => CacheEntry.Read(whole[..^1]));
        Assert.Throws<InvalidDataException>(() => CacheEntry.Read([]));
        Assert.Throws<InvalidDataException>(() => CacheEntry.Read("{\"movie_ids\":[1,2,3,4,5,6,7,8,9]}"u8.ToArray()));
    }
}
