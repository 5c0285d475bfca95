namespace NanoRecSys.Core.Data;

/// <summary>Turns a history into the tokens that the user tower reads; training and serving share it.</summary>
public static class SequenceBuilder
{
    /// <summary>Number of tokens that <see cref="Fill"/> writes for a history: its last <paramref name="maxLength"/> items.</summary>
    public static int Length(int historyLength, int maxLength) => Math.Min(historyLength, maxLength);

    /// <summary>
    /// Writes the last items of <paramref name="history"/> (rows, oldest first) as tokens, right-aligned;
    /// what is left of <paramref name="tokens"/> at the front becomes padding.
    /// </summary>
    public static void Fill(ReadOnlySpan<int> history, Span<long> tokens)
    {
        int kept = Math.Min(history.Length, tokens.Length);
        int padding = tokens.Length - kept;
        tokens[..padding].Fill(ItemToken.Padding.Value);
        ReadOnlySpan<int> last = history[^kept..];
        for (int t = 0; t < kept; t++)
        {
            tokens[padding + t] = new ItemIndex(last[t]).ToToken().Value;
        }
    }

    /// <summary>Writes when the items came, aligned with their tokens; where that is not known, and at padding, now.</summary>
    public static void FillTimes(TimedHistory history, Span<long> times)
    {
        ReadOnlySpan<long> known = history.Last(times.Length).Times.Span;
        times[..^known.Length].Fill(history.Now);
        known.CopyTo(times[^known.Length..]);
    }
}
