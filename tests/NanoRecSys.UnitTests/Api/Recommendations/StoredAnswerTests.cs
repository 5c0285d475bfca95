using System.Text;
using NanoRecSys.Api.Recommendations;

namespace NanoRecSys.UnitTests.Api.Recommendations;

public sealed class StoredAnswerTests
{
    private static readonly DateTimeOffset Made = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly Answer Answer = new()
    {
        MovieIds = [3, 1],
        Scores = [0.5f, 0.25f],
        Explanations = [],
        Movies = [],
        Version = "0123456789ab",
        FallbackReason = "unknown_user",
        Events = 4,
    };

    [Fact]
    public void What_is_read_is_what_was_written_and_its_JSON_is_the_response_s()
    {
        StoredAnswer read = StoredAnswer.Read(StoredAnswer.Of(Answer, Made).Bytes);

        Assert.Equal((4, "unknown_user", Made), (read.Events, read.FallbackReason, read.Made));
        Assert.Equal(
            """{"movie_ids":[3,1],"scores":[0.5,0.25],"explanations":[],"movies":[],"version":"0123456789ab"}""",
            Encoding.UTF8.GetString(read.Json.Span));
        Assert.Null(StoredAnswer.Read(StoredAnswer.Of(Answer with { FallbackReason = null }, Made).Bytes).FallbackReason);
    }

    [Fact]
    public void What_is_cut_short_or_foreign_is_refused()
    {
        byte[] whole = StoredAnswer.Of(Answer, Made).Bytes;

        Assert.Throws<InvalidDataException>(() => StoredAnswer.Read(whole[..^1]));
        Assert.Throws<InvalidDataException>(() => StoredAnswer.Read([]));
        Assert.Throws<InvalidDataException>(() => StoredAnswer.Read("{\"movie_ids\":[1,2,3,4,5,6,7,8,9]}"u8.ToArray()));
    }
}
