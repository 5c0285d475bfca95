namespace NanoRecSys.Training.Import;

/// <summary>
/// Carries out a pickle as far as it builds data: numbers, texts, tuples (<c>object[]</c>), lists, dictionaries by
/// text, and through <see cref="TorchGlobals"/> tensors. Nothing is looked up by name at run time and nothing is
/// called but those few functions, so a pickle from anywhere can be read. Memory and time grow with its length.
/// </summary>
internal sealed class PickleMachine(ReadOnlyMemory<byte> pickle)
{
    /// <summary>A state dictionary takes about 30 for each tensor.</summary>
    private const int MostOperations = 2_000_000;

    private const int HighestProtocol = 5;

    private readonly PickleBytes _bytes = new(pickle);
    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = new();
    private readonly Dictionary<uint, object?> _memo = [];

    /// <returns>What the pickle leaves.</returns>
    /// <exception cref="InvalidDataException">It asks for something else than data, or makes no sense.</exception>
    public object? Run()
    {
        for (int operation = 0; operation < MostOperations; operation++)
        {
            var opcode = (PickleOpcode)_bytes.Byte();
            if (opcode == PickleOpcode.Stop)
            {
                return Pop();
            }

            Execute(opcode);
        }

        throw new InvalidDataException($"its pickle takes more than {MostOperations:N0} operations.");
    }

    private void Execute(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Protocol: RequireProtocol(_bytes.Byte()); break;
            case PickleOpcode.Frame: _bytes.Take(sizeof(long)); break;
            case PickleOpcode.None: Push(null); break;
            case PickleOpcode.NewTrue: Push(true); break;
            case PickleOpcode.NewFalse: Push(false); break;
            case PickleOpcode.BinInt: Push((long)_bytes.Int32()); break;
            case PickleOpcode.BinInt1: Push((long)_bytes.Byte()); break;
            case PickleOpcode.BinInt2: Push((long)_bytes.UInt16()); break;
            case PickleOpcode.Long1: Push(_bytes.Integer(_bytes.Byte())); break;
            case PickleOpcode.BinFloat: Push(_bytes.Double()); break;
            case PickleOpcode.BinUnicode: Push(_bytes.Text(_bytes.UInt32())); break;
            case PickleOpcode.ShortBinUnicode: Push(_bytes.Text(_bytes.Byte())); break;
            case PickleOpcode.BinBytes: Push(_bytes.Take(_bytes.UInt32()).ToArray()); break;
            case PickleOpcode.ShortBinBytes: Push(_bytes.Take(_bytes.Byte()).ToArray()); break;
            case PickleOpcode.Mark: _marks.Push(_stack.Count); break;
            case PickleOpcode.Pop: Pop(); break;
            case PickleOpcode.PopMark: PopToMark(); break;
            case PickleOpcode.Dup: Push(Peek()); break;
            case PickleOpcode.EmptyTuple: Push(Array.Empty<object?>()); break;
            case PickleOpcode.Tuple: Push(PopToMark()); break;
            case PickleOpcode.Tuple1: Push(Pop(1)); break;
            case PickleOpcode.Tuple2: Push(Pop(2)); break;
            case PickleOpcode.Tuple3: Push(Pop(3)); break;
            case PickleOpcode.EmptyList or PickleOpcode.EmptySet: Push(new List<object?>()); break;
            case PickleOpcode.List: Push(new List<object?>(PopToMark())); break;
            case PickleOpcode.Append: Add([Pop()]); break;
            case PickleOpcode.Appends or PickleOpcode.AddItems: Add(PopToMark()); break;
            case PickleOpcode.EmptyDict: Push(new Dictionary<string, object?>()); break;
            case PickleOpcode.Dict: MakeDictionary(PopToMark()); break;
            case PickleOpcode.SetItem: Set(Pop(2)); break;
            case PickleOpcode.SetItems: Set(PopToMark()); break;
            case PickleOpcode.BinPut: _memo[_bytes.Byte()] = Peek(); break;
            case PickleOpcode.LongBinPut: _memo[_bytes.UInt32()] = Peek(); break;
            case PickleOpcode.Memoize: _memo[(uint)_memo.Count] = Peek(); break;
            case PickleOpcode.BinGet: Push(Recall(_bytes.Byte())); break;
            case PickleOpcode.LongBinGet: Push(Recall(_bytes.UInt32())); break;
            case PickleOpcode.Global: Push(TorchGlobals.Find(_bytes.Line(), _bytes.Line())); break;
            case PickleOpcode.StackGlobal: PushGlobal(Pop(2)); break;
            case PickleOpcode.Reduce: Call(Pop(2)); break;
            case PickleOpcode.Build: SetState(Pop(2)); break;
            case PickleOpcode.BinPersistentId: Push(StorageReference.Parse(Pop())); break;
            default: throw new InvalidDataException($"its pickle has the instruction 0x{(byte)opcode:x2}, which builds no tensor.");
        }
    }

    private static void RequireProtocol(byte protocol)
    {
        if (protocol > HighestProtocol)
        {
            throw new InvalidDataException($"its pickle is of protocol {protocol}, up to {HighestProtocol} are read.");
        }
    }

    private void PushGlobal(object?[] names) => Push(names is [string module, string name]
        ? TorchGlobals.Find(module, name)
        : throw new InvalidDataException("its pickle names a function by something that is no text."));

    private void Call(object?[] call) => Push(call is [TorchFunction function, object?[] arguments]
        ? function.Call(arguments)
        : throw new InvalidDataException("its pickle calls something that is no function."));

    // An ordered dictionary carries PyTorch's notes on module versions; nothing of ours reads them.
    private void SetState(object?[] build) => Push(build is [Dictionary<string, object?> dictionary, _]
        ? dictionary
        : throw new InvalidDataException("its pickle sets the state of an object, only dictionaries may have one."));

    private void Add(object?[] items)
    {
        if (Peek() is not List<object?> list)
        {
            throw new InvalidDataException("its pickle appends to something that is no list.");
        }

        list.AddRange(items);
    }

    private void MakeDictionary(object?[] items)
    {
        Push(new Dictionary<string, object?>());
        Set(items);
    }

    private void Set(object?[] items)
    {
        if (Peek() is not Dictionary<string, object?> dictionary || items.Length % 2 != 0)
        {
            throw new InvalidDataException("its pickle sets items of something that is no dictionary.");
        }

        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is string key) // An optimizer's state goes by number; it is not asked for.
            {
                dictionary[key] = items[i + 1];
            }
        }
    }

    private object? Recall(uint place) => _memo.TryGetValue(place, out object? value)
        ? value
        : throw new InvalidDataException($"its pickle asks for the memo {place}, where nothing is.");

    private void Push(object? value) => _stack.Add(value);

    private object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private object? Pop() => Pop(1)[0];

    /// <summary>The topmost values, the lowest first.</summary>
    private object?[] Pop(int count)
    {
        if (_stack.Count - count < Floor)
        {
            throw Underflow();
        }

        object?[] popped = [.. _stack[^count..]];
        _stack.RemoveRange(_stack.Count - count, count);
        return popped;
    }

    private object?[] PopToMark()
    {
        if (!_marks.TryPop(out int mark))
        {
            throw Underflow();
        }

        object?[] popped = [.. _stack[mark..]];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return popped;
    }

    // Values below a mark belong to what is still being built.
    private int Floor => _marks.TryPeek(out int mark) ? mark : 0;

    private static InvalidDataException Underflow() => new("its pickle takes more from its stack than it put there.");
}
