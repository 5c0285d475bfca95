namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// Keeps the best K candidates of a scan in a caller's buffer: a binary heap with the worst on top.
/// Larger scores are better; distances are offered negated. Of equal scores the smaller row wins.
/// </summary>
internal ref struct TopK(Span<Candidate> heap)
{
    private readonly Span<Candidate> _heap = heap;

    public int Count { get; private set; }

    /// <summary>A score below this cannot enter.</summary>
    public readonly float Threshold => Count < _heap.Length ? float.NegativeInfinity : _heap.Length == 0 ? float.PositiveInfinity : _heap[0].Score;

    /// <summary>NaN never enters: it has no place in an order.</summary>
    public void Offer(int row, float score)
    {
        if (float.IsNaN(score))
        {
            return;
        }

        var candidate = new Candidate(row, score);
        if (Count < _heap.Length)
        {
            _heap[Count++] = candidate;
            SiftUp(Count - 1);
        }
        else if (Count > 0 && IsWorse(_heap[0], candidate))
        {
            _heap[0] = candidate;
            SiftDown(0);
        }
    }

    /// <summary>Sorts the buffer's first <see cref="Count"/> entries, best first.</summary>
    public readonly int SortBestFirst()
    {
        _heap[..Count].Sort(static (a, b) => b.Score != a.Score ? b.Score.CompareTo(a.Score) : a.Row.CompareTo(b.Row));
        return Count;
    }

    /// <summary>Turns the negated distances that were offered into distances.</summary>
    public static void Negate(Span<Candidate> candidates)
    {
        foreach (ref Candidate candidate in candidates)
        {
            candidate = candidate with { Score = -candidate.Score };
        }
    }

    private static bool IsWorse(in Candidate a, in Candidate b) =>
        a.Score != b.Score ? a.Score < b.Score : a.Row > b.Row;

    private readonly void SiftUp(int child)
    {
        while (child > 0)
        {
            int parent = (child - 1) / 2;
            if (!IsWorse(_heap[child], _heap[parent]))
            {
                return;
            }

            (_heap[child], _heap[parent]) = (_heap[parent], _heap[child]);
            child = parent;
        }
    }

    private readonly void SiftDown(int parent)
    {
        while (true)
        {
            int worst = parent;
            for (int child = 2 * parent + 1; child <= 2 * parent + 2 && child < Count; child++)
            {
                worst = IsWorse(_heap[child], _heap[worst]) ? child : worst;
            }

            if (worst == parent)
            {
                return;
            }

            (_heap[worst], _heap[parent]) = (_heap[parent], _heap[worst]);
            parent = worst;
        }
    }
}
