import java.io.PrintStream;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/**
 * Writes the goldens: what Kafka's own classes make of messages and batches whose content follows from a rule, so that the tests can
 * build the same content without having seen it. Run by regenerate.ts, with the output folder as argument.
 */
public class Goldens {
    static final HexFormat HEX = HexFormat.of();
    /** APIs between brokers and controllers, which we do not speak. */
    static final List<Integer> NOT_OURS = List.of(52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 80, 81, 82, 83, 84, 85, 86, 87);
    static Path out;

    public static void main(String[] args) throws Exception {
        out = Path.of(args[0]);
        errors();
        headers();
        for (ApiKeys api : ApiKeys.values()) {
            if (!NOT_OURS.contains((int) api.id) && api.messageType.lowestSupportedVersion() <= api.messageType.highestSupportedVersion(true)) {
                try (PrintStream file = open("messages/" + api.id + ".txt")) {
                    messages(file, api.messageType.newRequest().getClass());
                    messages(file, api.messageType.newResponse().getClass());
                }
            }
        }
        data();
        batches();
    }

    static PrintStream open(String name) throws Exception {
        Path path = out.resolve(name);
        Files.createDirectories(path.getParent());
        PrintStream file = new PrintStream(Files.newOutputStream(path), false, "UTF-8");
        file.println("# Written by Goldens.java with org.apache.kafka:kafka-clients:4.3.1; see regenerate.ts");
        return file;
    }

    // code name retriable
    static void errors() throws Exception {
        try (PrintStream file = open("errors.txt")) {
            for (Errors error : Errors.values()) {
                file.println(error.code() + " " + error.name() + " " + (error.exception() instanceof RetriableException));
            }
        }
    }

    // key version requestHeaderVersion responseHeaderVersion, and a request header of every version
    static void headers() throws Exception {
        try (PrintStream file = open("headers.txt")) {
            for (ApiKeys api : ApiKeys.values()) {
                if (NOT_OURS.contains((int) api.id)) {
                    continue;
                }
                for (short version = api.messageType.lowestSupportedVersion(); version <= api.messageType.highestSupportedVersion(true); version++) {
                    RequestHeaderData header = new RequestHeaderData().setRequestApiKey(api.id).setRequestApiVersion(version)
                        .setCorrelationId(77).setClientId("cli\u00e9nt");
                    file.println(api.id + " " + version + " " + api.requestHeaderVersion(version) + " " + api.responseHeaderVersion(version)
                        + " " + bytes(header, api.requestHeaderVersion(version)));
                }
            }
        }
    }

    static void data() throws Exception {
        String group = "org.apache.kafka.coordinator.group.generated.";
        try (PrintStream file = open("messages/data.txt")) {
            for (String name : List.of(
                "org.apache.kafka.common.message.ConsumerProtocolSubscription", "org.apache.kafka.common.message.ConsumerProtocolAssignment",
                group + "LegacyOffsetCommitKey", group + "LegacyOffsetCommitValue", group + "OffsetCommitKey", group + "OffsetCommitValue",
                group + "GroupMetadataKey", group + "GroupMetadataValue", group + "ConsumerGroupMetadataKey", group + "ConsumerGroupMetadataValue",
                group + "ConsumerGroupPartitionMetadataKey", group + "ConsumerGroupPartitionMetadataValue",
                group + "ConsumerGroupMemberMetadataKey", group + "ConsumerGroupMemberMetadataValue",
                group + "ConsumerGroupTargetAssignmentMetadataKey", group + "ConsumerGroupTargetAssignmentMetadataValue",
                group + "ConsumerGroupTargetAssignmentMemberKey", group + "ConsumerGroupTargetAssignmentMemberValue",
                group + "ConsumerGroupCurrentMemberAssignmentKey", group + "ConsumerGroupCurrentMemberAssignmentValue",
                group + "ConsumerGroupRegularExpressionKey", group + "ConsumerGroupRegularExpressionValue",
                "org.apache.kafka.coordinator.transaction.generated.TransactionLogKey",
                "org.apache.kafka.coordinator.transaction.generated.TransactionLogValue")) {
                messages(file, Class.forName(name));
            }
        }
    }

    // name version content hex
    static void messages(PrintStream file, Class<?> type) throws Exception {
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null); version <= type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null); version++) {
            for (boolean full : new boolean[] {true, false}) {
                Message message = (Message) type.getDeclaredConstructor().newInstance();
                fill(message, schemas[version], full);
                String name = type.getSimpleName().replaceAll("Data$", "");
                file.println(name + " " + version + " " + (full ? "full" : "least") + " " + bytes(message, version));
            }
        }
    }

    static String bytes(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        buffer.flip();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HEX.formatHex(bytes);
    }

    /** Gives every field that the schema of the version has the value that follows from its name. */
    static void fill(Object message, Schema schema, boolean full) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof org.apache.kafka.common.protocol.types.TaggedFields tags) {
                for (Field field : new TreeMap<>(tags.fields()).values()) {
                    if (full) {
                        set(message, field, true);
                    }
                }
            } else {
                set(message, bound.def, full);
            }
        }
    }

    static void set(Object message, Field field, boolean full) throws Exception {
        String name = field.name.replace("_", "");
        for (Method setter : message.getClass().getMethods()) {
            if (setter.getName().toLowerCase(Locale.ROOT).equals("set" + name) && setter.getParameterCount() == 1) {
                Object value = value(name, 0, setter.getGenericParameterTypes()[0], field.type, full);
                setter.invoke(message, value);
                return;
            }
        }
        throw new IllegalStateException(message.getClass() + " has no " + name);
    }

    static Object value(String name, int index, Type type, org.apache.kafka.common.protocol.types.Type wire, boolean full) throws Exception {
        if (!full && wire.isNullable()) {
            return null;
        }
        int hash = index;
        for (char c : name.toCharArray()) {
            hash = (hash * 31 + c) & 0x3fffffff;
        }
        if (type == boolean.class || type == Boolean.class) return hash % 2 == 0;
        if (type == byte.class || type == Byte.class) return (byte) (hash % 100);
        if (type == short.class || type == Short.class) return (short) (hash % 30000);
        if (type == int.class || type == Integer.class) return wire.toString().equals("UINT16") ? hash % 60000 : hash;
        if (type == long.class || type == Long.class) return hash * 4096L + 1;
        if (type == double.class) return hash / 8.0;
        if (type == String.class) return name + index;
        if (type == Uuid.class) return new Uuid(hash, hash + 1);
        if (type == byte[].class) return new byte[] {(byte) hash, 1, 2};
        if (type == ByteBuffer.class) return ByteBuffer.wrap(new byte[] {(byte) hash, 1, 2});
        if (type == BaseRecords.class) return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {(byte) hash, 3, 4, 5}));
        Class<?> raw = (Class<?>) (type instanceof ParameterizedType p ? p.getRawType() : type);
        if (Collection.class.isAssignableFrom(raw)) {
            return list(name, type, raw, wire, full);
        }
        Object struct = raw.getDeclaredConstructor().newInstance();
        fill(struct, schemaOf(wire), full);
        return struct;
    }

    /** Two elements, or none. */
    @SuppressWarnings("unchecked")
    static Object list(String name, Type type, Class<?> raw, org.apache.kafka.common.protocol.types.Type wire, boolean full) throws Exception {
        boolean isList = raw == List.class;
        Collection<Object> list = isList ? new ArrayList<>() : (Collection<Object>) raw.getDeclaredConstructor().newInstance();
        Type element = isList ? ((ParameterizedType) type).getActualTypeArguments()[0]
            : ((ParameterizedType) raw.getGenericSuperclass()).getActualTypeArguments()[0];
        for (int i = 0; full && i < 2; i++) {
            list.add(value(name, i, element, wire.arrayElementType().get(), full));
        }
        return list;
    }

    static Schema schemaOf(org.apache.kafka.common.protocol.types.Type wire) throws Exception {
        if (wire instanceof Schema schema) return schema;
        for (var field : wire.getClass().getDeclaredFields()) {
            field.setAccessible(true);
            if (field.get(wire) instanceof Schema schema) return schema;
        }
        throw new IllegalStateException("no schema in " + wire.getClass());
    }

    // name hex
    static void batches() throws Exception {
        try (PrintStream file = open("batches.txt")) {
            for (CompressionType type : CompressionType.values()) {
                MemoryRecordsBuilder builder = builder(Compression.of(type).build(), TimestampType.CREATE_TIME, 4711L, (short) 3, 15, true);
                for (int i = 0; i < 40; i++) {
                    Header[] headers = i % 10 != 9 ? new Header[0]
                        : new Header[] {new RecordHeader("h\u00e9", new byte[] {1, 2}), new RecordHeader("none", null)};
                    byte[] key = i % 3 == 0 ? null : ("key-" + i).getBytes("UTF-8");
                    byte[] value = i % 7 == 6 ? null : ("value " + i + " ").repeat(i).getBytes("UTF-8");
                    builder.append(1_700_000_000_000L + i * 37 - (i % 5) * 100, key, value, headers);
                }
                print(file, type.name, builder.build());
            }
            MemoryRecordsBuilder large = builder(Compression.snappy().build(), TimestampType.CREATE_TIME, -1, (short) -1, -1, false);
            large.append(5, null, bytes(100_000));
            print(file, "snappy-large", large.build());
            large = builder(Compression.lz4().build(), TimestampType.CREATE_TIME, -1, (short) -1, -1, false);
            large.append(5, null, bytes(100_000));
            print(file, "lz4-large", large.build());
            MemoryRecordsBuilder appended = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, -1, (short) -1, -1, false);
            appended.append(5, "k".getBytes(), "v".getBytes());
            appended.append(6, (byte[]) null, null);
            print(file, "append-time", appended.build());
            for (ControlRecordType type : List.of(ControlRecordType.ABORT, ControlRecordType.COMMIT)) {
                print(file, type.name().toLowerCase(Locale.ROOT), MemoryRecords.withEndTransactionMarker(12, 34L, 5, 67L, (short) 8,
                    new EndTransactionMarker(type, 9)));
            }
        }
    }

    static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i % 251 * (i / 1000));
        }
        return bytes;
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long producerId, short epoch, int sequence, boolean transactional) {
        return MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.MAGIC_VALUE_V2, compression, type, 1000L, 1_800_000_000_000L,
            producerId, epoch, sequence, transactional, 6);
    }

    static void print(PrintStream file, String name, MemoryRecords records) {
        ByteBuffer buffer = records.buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        file.println(name + " " + HEX.formatHex(bytes));
    }
}
