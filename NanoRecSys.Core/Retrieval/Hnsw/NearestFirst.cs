namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>Candidates to look at next, the best score on top.</summary>
internal sealed class NearestFirst
{
    private Candidate[] _heap = new Candidate[256];

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    public void Push(Candidate candidate)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * _heap.Length);
        }

        int child = Count++;
        while (child > 0 && _heap[(child - 1) / 2].Score < candidate.Score)
        {
            _heap[child] = _heap[(child - 1) / 2];
            child = (child - 1) / 2;
        }

        _heap[child] = candidate;
    }

    public Candidate Pop()
    {
        Candidate best = _heap[0];
        Candidate last = _heap[--Count];
        int parent = 0;
        while (2 * parent + 1 < Count)
        {
            int child = 2 * parent + 1;
            child += child + 1 < Count && _heap[child + 1].Score > _heap[child].Score ? 1 : 0;
            if (_heap[child].Score <= last.Score)
            {
                break;
            }

            _heap[parent] = _heap[child];
            parent = child;
        }

        _heap[parent] = last;
        return best;
    }
}
