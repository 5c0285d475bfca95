using System.Buffers.Binary;
using System.Numerics;

namespace NanoRecSys.Training.Import;

/// <summary>Executes a pickle that only builds data: numbers, strings, tuples (<c>object[]</c>), lists, dictionaries with string keys, and, through
/// <see cref="TorchGlobals"/>, tensors. Nothing is looked up by name at run time, and only those few functions are called, so a pickle
/// from any source is safe to read. Memory and time are linear in its length.</summary>
internal sealed class PickleMachine(ReadOnlyMemory<byte> pickle)
{
    private const int MostOperations = 2_000_000; // a state dictionary takes about 30 per tensor
    private const int HighestProtocol = 5;
    private const int LongestName = 1000;

    // Invalid UTF-8 is rejected, not replaced: two names must not become one.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = new();
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position;

    /// <exception cref="InvalidDataException">It requests something other than data, or is malformed.</exception>
    public object? Run()
    {
        for (int operation = 0; operation < MostOperations; operation++)
        {
            char opcode = (char)Byte();
            if (opcode == '.')
            {
                return Pop();
            }

            Execute(opcode);
        }

        throw new InvalidDataException($"its pickle takes more than {MostOperations:N0} operations.");
    }

    // The instructions of protocols 2 to 5 that build data; not those that find classes in other ways, create instances or look up extensions.
    private void Execute(char opcode)
    {
        switch (opcode)
        {
            case '\x80': RequireProtocol(Byte()); break;
            case '\x95': Take(sizeof(long)); break; // FRAME
            case 'N': Push(null); break;
            case '\x88': Push(true); break;
            case '\x89': Push(false); break;
            case 'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)))); break; // BININT
            case 'K': Push((long)Byte()); break; // BININT1
            case 'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)))); break; // BININT2
            case '\x8a': Push(Integer(Byte())); break; // LONG1
            case 'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double)))); break; // BINFLOAT
            case 'X': Push(Text(UInt32())); break; // BINUNICODE
            case '\x8c': Push(Text(Byte())); break; // SHORT_BINUNICODE
            case 'B': Push(Take(UInt32()).ToArray()); break; // BINBYTES
            case 'C': Push(Take(Byte()).ToArray()); break; // SHORT_BINBYTES
            case '(': _marks.Push(_stack.Count); break;
            case '0': Pop(); break;
            case '1': PopToMark(); break;
            case '2': Push(Peek()); break; // DUP
            case ')': Push(Array.Empty<object?>()); break;
            case 't': Push(PopToMark()); break; // TUPLE
            case '\x85' or '\x86' or '\x87': Push(Pop(1 + opcode - '\x85')); break; // TUPLE1 to TUPLE3
            case ']' or '\x8f': Push(new List<object?>()); break; // EMPTY_LIST, EMPTY_SET
            case 'l': Push(new List<object?>(PopToMark())); break;
            case 'a': Add([Pop()]); break; // APPEND
            case 'e' or '\x90': Add(PopToMark()); break; // APPENDS, ADDITEMS
            case '}': Push(new Dictionary<string, object?>()); break;
            case 'd': MakeDictionary(PopToMark()); break;
            case 's': Set(Pop(2)); break; // SETITEM
            case 'u': Set(PopToMark()); break; // SETITEMS
            case 'q': _memo[Byte()] = Peek(); break; // BINPUT
            case 'r': _memo[UInt32()] = Peek(); break; // LONG_BINPUT
            case '\x94': _memo[(uint)_memo.Count] = Peek(); break; // MEMOIZE
            case 'h': Push(Recall(Byte())); break; // BINGET
            case 'j': Push(Recall(UInt32())); break; // LONG_BINGET
            case 'c': Push(TorchGlobals.Find(Name(), Name())); break; // GLOBAL
            case '\x93': Push(Pop(2) is [string module, string name] ? TorchGlobals.Find(module, name) : throw Refusal("names a function by something that is not text")); break;
            case 'R': Push(Pop(2) is [TorchFunction function, object?[] arguments] ? function.Call(arguments) : throw Refusal("calls something that is not a function")); break;
            // An ordered dictionary's state has PyTorch's module versions; they are ignored.
            case 'b': Push(Pop(2) is [Dictionary<string, object?> built, _] ? built : throw Refusal("sets the state of an object other than a dictionary")); break;
            case 'Q': Push(StorageReference.Parse(Pop())); break; // BINPERSID
            default: throw Refusal($"has the instruction 0x{(int)opcode:x2}, which builds no tensor");
        }
    }

    private static void RequireProtocol(byte protocol) => InvalidDataException.ThrowIf(protocol > HighestProtocol,
        $"its pickle has protocol {protocol}, but only protocols up to {HighestProtocol} are supported.");

    private void Add(object?[] items) => (Peek() as List<object?> ?? throw Refusal("appends to something that is not a list")).AddRange(items);

    private void MakeDictionary(object?[] items)
    {
        Push(new Dictionary<string, object?>());
        Set(items);
    }

    private void Set(object?[] items)
    {
        if (Peek() is not Dictionary<string, object?> dictionary || items.Length % 2 != 0)
        {
            throw Refusal("sets items of something that is not a dictionary");
        }

        foreach (object?[] item in items.Chunk(2))
        {
            if (item[0] is string key) // An optimizer's state has integer keys; it is not needed.
            {
                dictionary[key] = item[1];
            }
        }
    }

    private object? Recall(uint place) => _memo.TryGetValue(place, out object? value) ? value : throw Refusal($"reads memo entry {place}, which is empty");

    private void Push(object? value) => _stack.Add(value);

    private object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private object? Pop() => Pop(1)[0];

    /// <summary>The topmost values, lowest first.</summary>
    private object?[] Pop(int count) => _stack.Count - count < Floor ? throw Underflow() : Cut(_stack.Count - count);

    private object?[] PopToMark() => _marks.TryPop(out int mark) ? Cut(mark) : throw Underflow();

    private object?[] Cut(int start)
    {
        object?[] popped = [.. _stack[start..]];
        _stack.RemoveRange(start, popped.Length);
        return popped;
    }

    // Values below a mark belong to what is still being built.
    private int Floor => _marks.TryPeek(out int mark) ? mark : 0;

    private byte Byte() => Take(1)[0];

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    // Two's complement of any length; tensors need none longer than int64.
    private long Integer(int length)
    {
        InvalidDataException.ThrowIf(length > sizeof(long), $"it contains an integer of {length} bytes, but at most {sizeof(long)} are supported.");
        return (long)new BigInteger(Take(length));
    }

    private string Text(long length)
    {
        try
        {
            return Strict.GetString(Take(length));
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("it contains a string that is not UTF-8.", e);
        }
    }

    // Up to the next newline, which is consumed, too.
    private string Name()
    {
        int length = pickle.Span[_position..].IndexOf((byte)'\n');
        string name = length is >= 0 and <= LongestName ? Text(length) : throw new InvalidDataException("it contains an unterminated name.");
        _position++;
        return name;
    }

    private ReadOnlySpan<byte> Take(long length)
    {
        if (length > pickle.Length - _position)
        {
            throw Refusal($"is cut short: {length} bytes are requested at byte {_position} of {pickle.Length}");
        }

        ReadOnlySpan<byte> taken = pickle.Span.Slice(_position, (int)length);
        _position += (int)length;
        return taken;
    }

    private static InvalidDataException Underflow() => Refusal("pops more from its stack than it pushed");

    private static InvalidDataException Refusal(string reason) => new($"its pickle {reason}.");
}

/// <summary>A function that a pickle may call: our replacement for PyTorch's of that name.</summary>
internal sealed record TorchFunction(Func<object?[], object?> Call);

/// <summary>All names that a pickle may use. Anything else is rejected, and never looked up.</summary>
internal static class TorchGlobals
{
    private static readonly Dictionary<string, object> Known = new()
    {
        // PyTorch passes no arguments; the items follow one by one.
        ["collections.OrderedDict"] = new TorchFunction(arguments => arguments is []
            ? new Dictionary<string, object?>()
            : throw new InvalidDataException("its ordered dictionary is built in a way that PyTorch does not use.")),
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

    /// <exception cref="InvalidDataException">The name is not allowed.</exception>
    public static object Find(string module, string name) => Known.TryGetValue($"{module}.{name}", out object? global)
        ? global
        : throw new InvalidDataException(
            $"it names {PrintableName.Of($"{module}.{name}")}, and only dictionaries of tensors are read. Save it in PyTorch with torch.save(model.state_dict(), path).");

    private static TensorView Parameter(object?[] arguments) => arguments is [TensorView tensor, ..]
        ? tensor
        : throw new InvalidDataException("a parameter in it is not a tensor.");
}
