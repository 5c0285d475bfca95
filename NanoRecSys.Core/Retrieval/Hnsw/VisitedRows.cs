namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>Rows met in this search. A search marks them with its number, so that nothing has to be cleared in between.</summary>
internal sealed class VisitedRows
{
    private ushort[] _marks = [];
    private ushort _search;

    public void Begin(int rows)
    {
        if (_marks.Length < rows)
        {
            _marks = new ushort[rows];
            _search = 0;
        }

        if (++_search == 0)
        {
            Array.Clear(_marks);
            _search = 1;
        }
    }

    /// <returns>False where the row was met before.</returns>
    public bool Add(int row)
    {
        if (_marks[row] == _search)
        {
            return false;
        }

        _marks[row] = _search;
        return true;
    }
}
