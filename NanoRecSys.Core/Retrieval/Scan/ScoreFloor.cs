namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>The K-th largest of the numbers offered so far: what a row must reach to count among the best K.</summary>
/// <param name="heap">[K], the smallest on top.</param>
/// <param name="count">Numbers that it holds already.</param>
internal ref struct ScoreFloor(Span<float> heap, int count)
{
    private readonly Span<float> _heap = heap;

    public int Count { get; private set; } = count;

    public readonly float Value => Count < _heap.Length ? float.NegativeInfinity : _heap.Length == 0 ? float.PositiveInfinity : _heap[0];

    public void Offer(float score)
    {
        if (Count < _heap.Length)
        {
            int child = Count++;
            while (child > 0 && _heap[(child - 1) / 2] > score)
            {
                _heap[child] = _heap[(child - 1) / 2];
                child = (child - 1) / 2;
            }

            _heap[child] = score;
        }
        else if (Count > 0 && score > _heap[0])
        {
            ReplaceTop(score);
        }
    }

    private readonly void ReplaceTop(float score)
    {
        int parent = 0;
        while (2 * parent + 1 < _heap.Length)
        {
            int child = 2 * parent + 1;
            child += child + 1 < _heap.Length && _heap[child + 1] < _heap[child] ? 1 : 0;
            if (_heap[child] >= score)
            {
                break;
            }

            _heap[parent] = _heap[child];
            parent = child;
        }

        _heap[parent] = score;
    }
}
