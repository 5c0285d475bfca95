using System.Buffers.Binary;

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

/// <summary>A pickle's bytes and the place that is read next.</summary>
internal sealed class PickleBytes(ReadOnlyMemory<byte> bytes)
{
    private const int LongestInteger = 8;
    private const int LongestLine = 1000;

    // What is not UTF-8 is refused instead of becoming other letters: two names must not become one.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private int _position;

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    /// <summary>Big-endian, unlike everything else here.</summary>
    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double)));

    /// <summary>Two's complement of any length; a longer one than int64 is of no use to a tensor.</summary>
    public long Integer(int length)
    {
        if (length > LongestInteger)
        {
            throw new InvalidDataException($"it holds an integer of {length} bytes, at most {LongestInteger} are read.");
        }

        ReadOnlySpan<byte> taken = Take(length);
        Span<byte> whole = stackalloc byte[LongestInteger];
        whole.Fill((byte)(length > 0 && taken[^1] >= 0x80 ? 0xFF : 0));
        taken.CopyTo(whole);
        return BinaryPrimitives.ReadInt64LittleEndian(whole);
    }

    public string Text(long length) => Decode(Take(length));

    /// <summary>Up to the next newline, which is taken too.</summary>
    public string Line()
    {
        int length = bytes.Span[_position..].IndexOf((byte)'\n');
        if (length is < 0 or > LongestLine)
        {
            throw new InvalidDataException("it holds a name without an end.");
        }

        string line = Decode(Take(length));
        _position++;
        return line;
    }

    public ReadOnlySpan<byte> Take(long length)
    {
        if (length < 0 || length > bytes.Length - _position)
        {
            throw new InvalidDataException($"its pickle is cut short: {length} bytes are asked for at byte {_position} of {bytes.Length}.");
        }

        ReadOnlySpan<byte> taken = bytes.Span.Slice(_position, (int)length);
        _position += (int)length;
        return taken;
    }

    private static string Decode(ReadOnlySpan<byte> text)
    {
        try
        {
            return Strict.GetString(text);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("it holds a text that is not UTF-8.", e);
        }
    }
}

/// <summary>
/// The pickle instructions that are carried out: those that build data, of protocols 2 to 5. Those that find
/// classes by other ways, make instances or look up extensions are not among them.
/// </summary>
internal enum PickleOpcode : byte
{
    Mark = (byte)'(',
    EmptyTuple = (byte)')',
    Stop = (byte)'.',
    Pop = (byte)'0',
    PopMark = (byte)'1',
    Dup = (byte)'2',
    BinBytes = (byte)'B',
    ShortBinBytes = (byte)'C',
    BinFloat = (byte)'G',
    BinInt = (byte)'J',
    BinInt1 = (byte)'K',
    BinInt2 = (byte)'M',
    None = (byte)'N',
    BinPersistentId = (byte)'Q',
    Reduce = (byte)'R',
    BinUnicode = (byte)'X',
    EmptyList = (byte)']',
    Append = (byte)'a',
    Build = (byte)'b',
    Global = (byte)'c',
    Dict = (byte)'d',
    Appends = (byte)'e',
    BinGet = (byte)'h',
    LongBinGet = (byte)'j',
    List = (byte)'l',
    BinPut = (byte)'q',
    LongBinPut = (byte)'r',
    SetItem = (byte)'s',
    Tuple = (byte)'t',
    SetItems = (byte)'u',
    EmptyDict = (byte)'}',
    Protocol = 0x80,
    Tuple1 = 0x85,
    Tuple2 = 0x86,
    Tuple3 = 0x87,
    NewTrue = 0x88,
    NewFalse = 0x89,
    Long1 = 0x8a,
    ShortBinUnicode = 0x8c,
    EmptySet = 0x8f,
    AddItems = 0x90,
    StackGlobal = 0x93,
    Memoize = 0x94,
    Frame = 0x95,
}

/// <summary>A function that a pickle may call: ours, in the place of PyTorch's of that name.</summary>
internal sealed record TorchFunction(Func<object?[], object?> Call);

/// <summary>All names that a pickle may use. Anything else is refused by name and never looked for.</summary>
internal static class TorchGlobals
{
    private static readonly Dictionary<string, object> Known = new()
    {
        ["collections.OrderedDict"] = new TorchFunction(OrderedDict),
        ["torch._utils._rebuild_tensor"] = new TorchFunction(TensorView.Rebuild),
        ["torch._utils._rebuild_tensor_v2"] = new TorchFunction(TensorView.Rebuild),
        ["torch._utils._rebuild_parameter"] = new TorchFunction(Parameter),
        ["torch._utils._rebuild_parameter_with_state"] = new TorchFunction(Parameter),
        ["torch.Size"] = new TorchFunction(arguments => arguments is [var sizes] ? sizes : null),
        ["torch.device"] = new TorchFunction(arguments => arguments is [var name, ..] ? name : null),
        ["torch.DoubleStorage"] = StoredNumber.F64,
        ["torch.FloatStorage"] = StoredNumber.F32,
        ["torch.HalfStorage"] = StoredNumber.F16,
        ["torch.BFloat16Storage"] = StoredNumber.BF16,
        ["torch.LongStorage"] = StoredNumber.I64,
        ["torch.IntStorage"] = StoredNumber.I32,
        ["torch.ShortStorage"] = StoredNumber.I16,
        ["torch.CharStorage"] = StoredNumber.I8,
        ["torch.ByteStorage"] = StoredNumber.U8,
        ["torch.BoolStorage"] = StoredNumber.BOOL,
    };

    /// <exception cref="InvalidDataException">Not one of the few.</exception>
    public static object Find(string module, string name) => Known.TryGetValue($"{module}.{name}", out object? global)
        ? global
        : throw new InvalidDataException(
            $"it names {PrintableName.Of($"{module}.{name}")}, and only dictionaries of tensors are read. Save it in PyTorch with torch.save(model.state_dict(), path).");

    // PyTorch gives it no arguments; the items follow one by one.
    private static Dictionary<string, object?> OrderedDict(object?[] arguments) => arguments is []
        ? []
        : throw new InvalidDataException("its ordered dictionary is built in a way that PyTorch does not use.");

    private static TensorView Parameter(object?[] arguments) => arguments is [TensorView tensor, ..]
        ? tensor
        : throw new InvalidDataException("a parameter in it holds no tensor.");
}
